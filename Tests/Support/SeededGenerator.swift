import SeededRandom

/// Random numbers that are the same in every run with one seed.
public typealias SeededGenerator = SeededRandom.SeededGenerator
