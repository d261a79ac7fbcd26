/// What the current task works in.
package enum TransactionScope {
    /// Whether the task works inside an open transaction. A task that was begun before the transaction does not.
    @TaskLocal package static var isOpen = false
}
