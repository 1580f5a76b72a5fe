# Sourced by run.sh: builds the four programs into `cache`, each by its lock file, and copies them into `$programs`, where every
# user can read them.
programs=$scratch/programs
chmod 0755 "$scratch"
mkdir "$programs"

build_go() {
  GOCACHE=${GOCACHE:-$cache/go-build} GOMODCACHE=${GOMODCACHE:-$cache/go-mod} CGO_ENABLED=0 \
    go build -C "$here/go" -mod=readonly -trimpath -o "$programs/go" .
}

build_rust() {
  target=$cache/spiffe-clients-rust
  cargo build --quiet --locked --manifest-path "$here/rust/Cargo.toml" --target-dir "$target"
  cp "$target/debug/spiffe-client" "$programs/rust"
}

build_java() {
  jars=$cache/spiffe-clients-java-$(cksum <"$here/java/jars.sha256" | tr -d ' ')
  if [ ! -e "$jars" ]; then
    mvn --quiet --batch-mode --file "$here/java/pom.xml" -Dmaven.repo.local="$cache/maven" -DoutputDirectory="$jars.$$" \
      org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies
    (cd "$jars.$$" && sha256sum --quiet --check "$here/java/jars.sha256")
    mv "$jars.$$" "$jars"
  fi
  cp -R "$jars" "$programs/java"
  javac -cp "$jars/*" -d "$programs/java" "$here"/java/*.java
}

build_python() {
  packages=$cache/spiffe-clients-python-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-$(cksum <"$here/python/requirements.txt" | tr -d ' ')
  if [ ! -e "$packages" ]; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
      --only-binary :all: --target "$packages.$$" --requirement "$here/python/requirements.txt"
    mv "$packages.$$" "$packages"
  fi
  cp -R "$packages" "$programs/python"
  cp "$here/python/client.py" "$programs/python/"
}

build_go
build_rust
build_java
build_python
chmod -R a+rX "$programs"
