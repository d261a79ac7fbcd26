/// Where the turns of limits are kept that several processes share.
///
/// A limit of R requests in a period has R turns. A turn is used for one request in a period, by whoever has taken it.
package protocol TurnBook: Sendable {
    /// Gives turns back and takes others.
    ///
    /// - Throws: ``SourceError``; `CancellationError`.
    func exchange(_ wish: TurnWish) async throws -> TurnsTaken
}

/// Which turns of a limit a process gives back, and which it wants.
package struct TurnWish: Sendable {
    /// The name of the limit, the same for all that share it.
    package let name: String
    /// How many turns the limit has.
    package let turns: Int
    /// What it gives back.
    package let returned: [ReturnedTurn]
    /// How many it wants; zero: none.
    package let wanted: Int
    /// How many all processes together may have in hand at once.
    package let together: Int
    /// How long before they are free turns are taken.
    package let ahead: Duration
    /// How long after that they are free again if nothing more is heard of them.
    package let hold: Duration

    /// A wish.
    package init(
        name: String, turns: Int, returned: [ReturnedTurn], wanted: Int, together: Int, ahead: Duration, hold: Duration
    ) {
        self.name = name
        self.turns = turns
        self.returned = returned
        self.wanted = wanted
        self.together = together
        self.ahead = ahead
        self.hold = hold
    }
}

/// A turn that a process gives back.
package struct ReturnedTurn: Sendable, Equatable {
    /// Its number, from one.
    package let number: Int
    /// When it would be free if nothing more had been heard of it, as the book said it.
    package let lease: String
    /// In how long it is free.
    package let wait: Duration

    /// A turn to give back.
    package init(number: Int, lease: String, wait: Duration) {
        self.number = number
        self.lease = lease
        self.wait = wait
    }
}

/// Turns that a process has taken.
package struct TurnsTaken: Sendable {
    /// A turn.
    package struct Turn: Sendable {
        /// Its number, from one.
        package let number: Int
        /// When it is free again if nothing more is heard of it, in the book's own words.
        package let lease: String
        /// In how long it may be used, from when the book said so.
        package let wait: Duration

        /// A turn.
        package init(number: Int, lease: String, wait: Duration) {
            self.number = number
            self.lease = lease
            self.wait = wait
        }
    }

    /// The turns.
    package let turns: [Turn]
    /// In how long the next turn is free that was not taken; nil: all were.
    package let next: Duration?

    /// What was taken.
    package init(turns: [Turn], next: Duration?) {
        self.turns = turns
        self.next = next
    }
}
