import Foundation

extension Configuration {
    /// The names of the streams that a config declares, in the order of the file. Shells complete with them.
    ///
    /// Only the names are read: no value is taken from the environment or from another file, and what is wrong with the
    /// rest does not matter.
    ///
    /// - Parameter path: of the file.
    /// - Returns: nothing if the file cannot be read as YAML. Only a regular file is opened, so that nothing waits.
    public static func streamNames(path: String) -> [String] {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let type = try? FileManager.default.attributesOfItem(atPath: target)[.type] as? FileAttributeType
        guard type == .typeRegular,
            let text = try? Reading.text(ofFile: target, limit: YAMLDocument.byteLimit, limitText: "1 MiB")
        else { return [] }
        let reading = Reading(path: path, directory: "/", environment: [:], expandsValues: false)
        return (YAMLDocument.read(text, reading: reading)?["streams"]?.map ?? []).map(\.name)
    }
}
