import LacunaModel
import Testing

@Suite("The field of a column")
struct CamelCaseTests {
    @Test(
        "in camel case",
        arguments: [
            ("block_hash", "blockHash"), ("n", "n"), ("id", "id"), ("a_b_c", "aBC"), ("_id", "_id"), ("id_", "id_"),
            ("line__2_b", "line2B"), ("__a_b__", "__aB__"), ("blockHash", "blockHash"), ("_", "_"), ("", ""),
            ("größe_über", "größeÜber"),
        ])
    func camelCase(column: String, field: String) {
        #expect(StreamDefinition.camelCase(column) == field)
    }

    @Test("is the one that columns names, then the rule's, then the column's own")
    func order() {
        var stream = StreamDefinition(name: "t", table: "t", keyColumn: "block_number", keyType: .integer(step: 1))
        #expect(stream.field(of: "block_number") == "block_number")
        stream.snakeCase = true
        #expect(stream.field(of: "block_number") == "blockNumber")
        stream.columns = ["block_number": "height"]
        #expect(stream.field(of: "block_number") == "height")
    }
}
