import LacunaModel
import Testing

@testable import Lacuna

@Suite("The guard against answers that take rows away")
struct ShrinkGuardTests {
    @Test("lets a share go and no more, and never all, unless it is off")
    func shares() {
        for rows in 0...60 {
            for count in 0...rows {
                for percent in [0, 1, 20, 50, 99] {
                    let isTooMany = count > 0 && (count == rows || Double(count) > Double(rows) * Double(percent) / 100)
                    #expect(
                        ShrinkGuard(percent: percent).refuses(count, of: rows) == isTooMany,
                        "\(count) of \(rows), \(percent)%")
                }
                #expect(!ShrinkGuard(percent: 100).refuses(count, of: rows))
            }
        }
    }

    @Test("holds a part of a window that passed against the rows of the whole, in its partition")
    func parts() {
        let windows = GuardedWindows()
        let (a, b) = (Partition(["a"]), Partition(["b"]))
        windows.note(0..<10, of: a, rows: 50)
        windows.note(0..<5, of: a, rows: 20)
        #expect(windows.rows(around: 0..<10, of: a) == 50)
        #expect(windows.rows(around: 3..<4, of: a) == 50)
        #expect(windows.rows(around: 9..<11, of: a) == 0)
        #expect(windows.rows(around: 3..<4, of: b) == 0)
    }
}
