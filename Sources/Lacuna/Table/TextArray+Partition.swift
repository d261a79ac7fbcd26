import LacunaModel
import LacunaRecords
import Postgres

extension TextArray {
    /// The partition with these values; nil if one of them is NULL, which no declared partition has.
    var partition: Partition? {
        let values = elements.compactMap(\.self)
        return values.count == elements.count ? Partition(values) : nil
    }
}
