// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "lacuna",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "lacuna", targets: ["LacunaCLI"]),
        .library(name: "Lacuna", targets: ["Lacuna"]),
        .library(name: "LacunaSources", targets: ["LacunaSources"]),
    ],
    dependencies: [
        // Arguments, help texts and completions of the command line.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // The log of the command line.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // YAML with the line and column of every node.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        // Child processes of the command source: no shell, process groups, streamed output.
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        // The server of `lacuna serve`: small, and with no dependencies.
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
        // The server that the tests of the http source talk to; no product of this package needs it.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibPQ",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]
        ),
        .target(name: "Postgres", dependencies: ["CLibPQ"]),
        .systemLibrary(
            name: "CLibCURL",
            pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]
        ),
        // Requests over HTTP, each with its deadlines and limits.
        .target(name: "CURL", dependencies: ["CLibCURL"]),
        .target(
            name: "SQLStatements",
            dependencies: ["Postgres"],
            path: "sql",
            // For a person to run.
            exclude: ["roles"],
            resources: [.embedInCode("statements"), .embedInCode("migrations")]
        ),
        // Values and rules: units, declared streams, planning, attestation. Pure.
        .target(name: "LacunaModel"),
        // What a source hands over: its contract, the formats, the spool.
        .target(name: "LacunaRecords", dependencies: ["LacunaModel"]),
        .target(
            name: "Lacuna",
            dependencies: ["LacunaModel", "LacunaRecords", "Postgres", "SQLStatements"]
        ),
        .target(
            name: "LacunaSources",
            dependencies: [
                "LacunaModel", "LacunaRecords", "Postgres", "CURL",
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]
        ),
        .target(
            name: "LacunaConfig",
            dependencies: ["LacunaModel", "LacunaSources", .product(name: "Yams", package: "Yams")]
        ),
        // Documents over HTTP. It knows nothing of what they hold.
        .target(name: "LacunaServer", dependencies: [.product(name: "FlyingFox", package: "FlyingFox")]),
        .executableTarget(
            name: "LacunaCLI",
            dependencies: [
                "LacunaConfig", "LacunaSources", "LacunaServer", "Lacuna", "Postgres", "CURL",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("Templates/Files")]
        ),
        .testTarget(name: "PostgresTests", dependencies: ["Postgres", "TestSupport"]),
        // What needs no server.
        .testTarget(name: "LacunaModelTests", dependencies: ["LacunaModel", "TestSupport"]),
        .testTarget(name: "LacunaRecordsTests", dependencies: ["LacunaModel", "LacunaRecords", "TestSupport"]),
        .testTarget(name: "LacunaTests", dependencies: ["Lacuna", "Postgres", "SQLStatements", "TestSupport"]),
        .testTarget(name: "LacunaSourcesTests", dependencies: ["LacunaSources", "Lacuna", "TestSupport"]),
        .testTarget(
            name: "LacunaConfigTests",
            dependencies: ["LacunaConfig", "LacunaSources", "Lacuna", "Postgres", "TestSupport"]),
        .testTarget(
            name: "SystemsTests",
            dependencies: ["TestSupport", "Postgres", "LacunaCLI", "LacunaServer", "LacunaSources"],
            path: "Tests/Systems",
            resources: [.copy("Data")]),
        .executableTarget(
            name: "CrashTest", dependencies: ["TestSupport"], path: "Tests/CrashTest",
            // Patches that scripts/crash-test-bugs applies to a copy.
            exclude: ["Bugs"]),
        // A server, a source and a clock in memory, under the whole of Lacuna.
        .systemLibrary(name: "ConcurrencyHook", path: "Tests/ConcurrencyHook"),
        .target(
            name: "Simulation",
            dependencies: ["ConcurrencyHook", "SeededRandom", "Lacuna", "Postgres", "SQLStatements"],
            path: "Tests/Simulation"),
        .executableTarget(
            name: "CrashPoints", dependencies: ["Simulation"], path: "Tests/CrashPoints",
            // Patches that scripts/crash-test-bugs applies to a copy.
            exclude: ["Bugs"]),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation", "Lacuna", "Postgres", "TestSupport"]),
        .target(name: "SeededRandom", path: "Tests/SeededRandom"),
        .target(
            name: "TestSupport",
            dependencies: [
                "Postgres", "SeededRandom",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/Support"
        ),
        // What scripts/bench-http loads from.
        .executableTarget(name: "page-server", dependencies: ["TestSupport"], path: "Tests/PageServer"),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    // An async function runs where its caller does, unless it says otherwise.
    target.swiftSettings = [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]
}
