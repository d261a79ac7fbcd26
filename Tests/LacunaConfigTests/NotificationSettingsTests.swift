import LacunaSources
import Testing

@testable import LacunaConfig

@Suite("Who is told of runs, in the config")
struct NotificationSettingsTests {
    private func configuration(
        _ notify: String, environment: [String: String] = [:], source: String = ""
    ) throws -> Configuration {
        try withFixture { try $0.parse(integerConfig(source: source, top: notify), environment) }
    }

    @Test("is nobody where it says nothing")
    func absent() throws {
        #expect(try configuration("").notifications == nil)
    }

    @Test("is a webhook, a program, or both; of failures and healings unless it says otherwise")
    func reads() throws {
        let both = try #require(
            try configuration("notify: {webhook: https://h/x, command: [./page-me, \"{window.first}\"]}").notifications)
        #expect(both.webhook == "https://h/x")
        // No template: there is no window to speak of.
        #expect(both.command == ["./page-me", "{window.first}"])
        #expect(both.occasions == [.failure, .healed])
        #expect(both.timeout == .seconds(10))
        #expect(both.directory.hasPrefix("/"))
        let one = try configuration("notify: {command: [./page-me], on: finished}").notifications
        #expect(one?.webhook == nil)
        #expect(one?.occasions == [.finished])
        let ping = try configuration("notify: {ping: https://h/canary}")
        #expect(ping.notifications?.ping == "https://h/canary" && ping.secrets.contains("https://h/canary"))
        let all = try configuration("notify: {command: [a], on: [failure, healed, finished]}").notifications
        #expect(all?.occasions == [.failure, .healed, .finished])
    }

    @Test("The webhook is a secret wherever it is written, and no program inherits its variable")
    func secret() throws {
        let written = try configuration("notify: {webhook: https://h/services/canary}")
        #expect(written.secrets.contains("https://h/services/canary"))
        #expect(!written.redacted().contains("canary"))
        let hook = try configuration(
            "database: ${env:DB}\nnotify: {webhook: \"${env:HOOK}\", command: [./page-me]}",
            environment: ["HOOK": "https://h/canary", "DB": "host=h"])
        #expect(hook.notifications?.withheld == ["HOOK", "DB", "PGPASSWORD", "LACUNA_DATABASE"])
        guard case .command(let command) = hook.streams[0].source else {
            Issue.record("not a command")
            return
        }
        #expect(command.withheld.contains("HOOK"))
        #expect(hook.variables == ["DB", "HOOK"])
    }

    @Test("A webhook that cannot be one is not shown in the error")
    func wrong() throws {
        try withFixture { fixture in
            let error = try #require(
                fixture.error(integerConfig(top: "notify: {webhook: \"ftp://h/canary\"}")))
            #expect(!"\(error)".contains("canary"))
        }
    }
}
