// swift-tools-version:6.1
// NedaAPI is written by Apollo's code generator: apollo-ios-cli generate, in this folder.
import PackageDescription

let package = Package(
  name: "Neda",
  platforms: [.iOS(.v16), .watchOS(.v9), .macOS(.v13)],
  products: [.library(name: "Neda", targets: ["Neda"])],
  dependencies: [
    .package(url: "https://github.com/apollographql/apollo-ios.git", exact: "2.4.0"),
    .package(path: "./NedaAPI"),
  ],
  targets: [
    .target(
      name: "Neda",
      dependencies: [.product(name: "Apollo", package: "apollo-ios"), "NedaAPI"],
      path: "Sources"
    ),
  ]
)
