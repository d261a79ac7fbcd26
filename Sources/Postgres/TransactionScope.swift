/// What the current task works in.
package enum TransactionScope {
    /// Whether a transaction is open that ends when this task, or one that it belongs to, has done its part.
    @TaskLocal package static var isOpen = false
}
