#!/bin/sh
# Builds the provider, pins it and runs the conformance kit on it. The command of the
# engine is `engine`, or what ENGINE names. Arguments go to the kit, such as --list.
set -eu
cd "$(dirname "$0")"
engine=${ENGINE:-engine}
cargo build --release
mkdir -p plugins
chmod go-w plugins config.toml
# By renaming: an engine that has the former file open must not see it change.
cp "${CARGO_TARGET_DIR:-target}/release/LIBRARY" plugins/LIBRARY.new
chmod 644 plugins/LIBRARY.new
mv plugins/LIBRARY.new plugins/LIBRARY
"$engine" plugins pin plugins/LIBRARY
"$engine" conformance --config config.toml --plugin-dir plugins --repo demo/one "$@"
