#!/bin/sh
# Tokens and key sets through Java's Nimbus JOSE + JWT.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
. "$here/../samples/prepare.sh"
jars=$cache/java-$(cksum <"$here/jars.sha256" | tr -d ' ')
if [ ! -e "$jars" ]; then
  mvn --quiet --batch-mode --file "$here/pom.xml" -Dmaven.repo.local="$cache/maven" -DoutputDirectory="$jars.$$" \
    org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies
  (cd "$jars.$$" && sha256sum --quiet --check "$here/jars.sha256")
  mv "$jars.$$" "$jars"
fi
make_samples
compare java -cp "$jars/*" "$here/Read.java" "$samples"
