#!/bin/sh
# Generates Kotlin from ../operations with Apollo's compiler and compiles it with src/, on any machine with a JDK (17 or later) and Maven.
# With a NEDA that runs, the result talks to it: ./verify.sh http://127.0.0.1:4000 ben push-to-talk
set -eu
cd "$(dirname "$0")/verify"
[ $# -eq 0 ] && exec mvn -B -q compile
exec mvn -B -q compile exec:java@live "-Dneda.url=$1" "-Dneda.username=$2" "-Dneda.password=$3"
