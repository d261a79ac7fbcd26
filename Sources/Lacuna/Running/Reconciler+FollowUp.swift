import LacunaModel
import LacunaRecords

extension Reconciler {
    /// At most so often is the check asked again in one run.
    private static let checkLimit = 64

    /// Fetches what the check finds wrong once what it found before is right, until it finds nothing more, and asks again for
    /// units that came thin.
    ///
    /// A check mostly compares neighbours: of a chain that was reorganised it sees the end, and the block before it only when
    /// that end is right. A unit that it finds wrong although it was just fetched is left to the next run.
    ///
    /// - Parameters:
    ///   - plan: what the run began with.
    ///   - state: has done all of it.
    func followUp(_ plan: RunPlan, _ context: RunContext, _ state: RunState) async {
        guard definition.check != nil || definition.complete != nil, definition.keyType.isOrdered else { return }
        let options = context.options
        var context = context
        var asked = plan.survey.wrong
        var committed = 0
        do {
            for _ in 0..<Reconciler.checkLimit {
                guard !state.isEnded, !options.stop.isGiven, state.report.committed > committed else { return }
                committed = state.report.committed
                let survey = try await reading(options.stop) { session in
                    try await surveyor(.run, options).survey(
                        plan.survey.stream, partitions: options.partitions, on: session)
                }.with(tips: plan.tips)
                var planner = RunPlanner(survey: survey, options: options, earlier: [], plansTemporaryKeys: false)
                planner.only = Dictionary(
                    uniqueKeysWithValues: survey.wrong.map { partition, units in
                        (partition, units.subtracting(asked[partition] ?? UnitSet()))
                    })
                let more = planner.plan(failures: [], notes: [], tips: plan.tips)
                guard !more.batches.isEmpty else { return }
                asked.merge(survey.wrong) { $0.union($1) }
                let unknown = more.batches.partitions.subtracting(context.attestationEnds.keys)
                let ends = await context.fetcher.attestationEnds(of: unknown, knownTips: plan.tips, options.onEvent)
                context.attestationEnds.merge(ends) { known, _ in known }
                state.add(more.batches)
                await runWorkers(context, state: state)
            }
        } catch is CancellationError {
            state.interrupted()
        } catch {
            state.stop(error.message)
        }
    }
}

extension Survey {
    /// The units that have rows and are to be fetched again, because the check finds them wrong or because they are thin.
    fileprivate var wrong: [Partition: UnitSet] {
        partitions.reduce(into: flagged) { wrong, coverage in
            guard !coverage.thin.isEmpty else { return }
            wrong[coverage.partition] = (wrong[coverage.partition] ?? UnitSet()).union(coverage.thin)
        }
    }
}
