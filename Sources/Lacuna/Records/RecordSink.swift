/// Takes a window's records from a source. (Interface; see the specification.)
public final class RecordSink {
    /// Takes a piece of text in the format that was begun.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {}
    /// Takes one JSON object.
    public func append(json: String) throws {}
}
