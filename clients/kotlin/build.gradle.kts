plugins {
  // In an app for Android or Wear OS: com.android.library instead.
  kotlin("jvm") version "2.4.21"
  id("com.apollographql.apollo") version "5.0.1"
}

dependencies {
  implementation("com.apollographql.apollo:apollo-runtime:5.0.1")
}

apollo {
  service("neda") {
    packageName.set("neda.api")
    schemaFile.set(file("../../schema.graphql"))
    srcDir("../operations")
    mapScalarToKotlinString("DateTime")
    mapScalarToKotlinString("EventCursor")
    generateOptionalOperationVariables.set(false)
    failOnWarnings.set(true)
    // For TRUSTED_DOCUMENTS, as it is.
    operationManifestFormat.set("persistedQueryManifest")
  }
}
