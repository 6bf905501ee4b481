package neda.verify

import com.apollographql.apollo.compiler.ApolloCompiler
import com.apollographql.apollo.compiler.CodegenSchemaOptions
import com.apollographql.apollo.compiler.MANIFEST_PERSISTED_QUERY
import com.apollographql.apollo.compiler.buildCodegenOptions
import com.apollographql.apollo.compiler.buildIrOptions
import com.apollographql.apollo.compiler.codegen.writeTo
import com.apollographql.apollo.compiler.toInputFiles
import java.io.File

/** What the Gradle plugin does with ../../build.gradle.kts: the same compiler with the same options. */
fun main(arguments: Array<String>) {
  val (schema, operations, output) = arguments.map(::File)
  val documents = operations.listFiles { file -> file.extension == "graphql" }.orEmpty().sorted()
  check(documents.isNotEmpty()) { "no operations in $operations" }
  output.mkdirs()
  val texts = "kotlin.String"
  ApolloCompiler.buildSchemaAndOperationsSources(
      schemaFiles = listOf(schema).toInputFiles(),
      executableFiles = documents.toInputFiles(),
      codegenSchemaOptions = CodegenSchemaOptions(
          scalarTypeMapping = mapOf("DateTime" to texts, "EventCursor" to texts),
          scalarAdapterMapping = emptyMap(),
          generateDataBuilders = false,
      ),
      irOptions = buildIrOptions(generateOptionalOperationVariables = false, failOnWarnings = true),
      codegenOptions = buildCodegenOptions(packageName = "neda.api", operationManifestFormat = MANIFEST_PERSISTED_QUERY),
      layoutFactory = null,
      operationIdsGenerator = null,
      irOperationsTransform = null,
      javaOutputTransform = null,
      kotlinOutputTransform = null,
      documentTransform = null,
      schemaDocumentTransform = null,
      logger = Said,
      operationManifestFile = output.resolveSibling("manifest.json"),
  ).writeTo(output, true, null)
  println("Apollo Kotlin generated ${output.walk().count { it.extension == "kt" }} files from ${documents.size} files of operations")
}

private object Said : ApolloCompiler.Logger {
  override fun debug(message: String) = Unit
  override fun info(message: String) = Unit
  override fun warning(message: String) = println(message)
  override fun error(message: String) = println(message)
}
