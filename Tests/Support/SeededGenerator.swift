import SeededRandom

/// Random numbers that are the same in every run.
public typealias SeededGenerator = SeededRandom.SeededGenerator
