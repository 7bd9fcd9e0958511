#!/usr/bin/env bash
# Builds what a release consists of into dist/: for each platform a static binary in an archive and its SBOM (CycloneDX), a
# .deb for Linux, and SHA256SUMS. It needs Go, git and coreutils. Builds are made to be reproducible.
#   scripts/release.sh [--only OS/ARCH] [--out DIR] [VERSION]
# VERSION, such as v0.2.0, must be the version in internal/app/info.go; a tag is checked in this way.
set -euo pipefail
cd "$(dirname "$0")/.."

nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0
cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
platforms=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64)
out=dist
version=$(sed -n 's/^const Version = "\(.*\)"$/\1/p' internal/app/info.go)

fail() { echo "release.sh: $*" >&2; exit 1; }
while [ $# -gt 0 ]; do
  case "$1" in
    --only) platforms=("${2:?--only needs a platform such as linux/amd64}"); shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    -*) echo "usage: scripts/release.sh [--only OS/ARCH] [--out DIR] [VERSION]" >&2; exit 2 ;;
    *)
      [ "${1#v}" = "$version" ] || fail "the version is $version in internal/app/info.go, not $1: change one of them"
      shift ;;
  esac
done

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=0 LC_ALL=C TZ=UTC
# The commit and its date are set here, because Go does not stamp them in a linked worktree of git.
commit=$(git rev-parse --short=12 HEAD)
[ -z "$(git status --porcelain)" ] || commit+=-modified
stamp="-X main.commit=$commit -X main.date=$(git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ "$out" = dist ] || [ -z "$(ls -A "$out" 2>/dev/null)" ] || fail "--out: the folder $out is not empty"
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)

echo "Building the tools"
GOBIN=$work/tools go install "$nfpm"
GOBIN=$work/tools go install "$cyclonedx"
go build -trimpath -o "$work/tools/archive" ./scripts/archive
go build -trimpath -buildvcs=false -o "$work/tools/meet" ./cmd/meet # prints what the packages contain, also on another platform
export PATH=$work/tools:$PATH

# stage ARCH fills the folder $work/package with the files of the .deb that nfpm.yaml does not take from packaging/.
stage() {
  local folder=$work/package
  rm -rf "$folder"
  mkdir "$folder"
  cp "$work/linux/$1/meet" "$folder/meet"
  for shell in bash zsh fish; do meet completion "$shell" >"$folder/completion.$shell"; done
  # The settings file has all settings as comments, except for the data folder.
  (cd "$work" && env -i PATH="$PATH" meet config --data-dir /var/lib/meet) | sed -e '/^data_dir:/!s/^[^#]/#&/' >"$folder/meet.yaml"
  cp README.md LICENSE packaging/* "$folder/"
  find "$folder" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
}

for platform in "${platforms[@]}"; do
  os=${platform%/*} arch=${platform#*/}
  name=meet_${version}_${os}_${arch}
  binary=$work/$os/$arch/meet
  [ "$os" != windows ] || binary+=.exe
  echo "Building $name"
  GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= $stamp" -o "$binary" ./cmd/meet
  extension=tar.gz
  [ "$os" != windows ] || extension=zip
  archive "$out/$name.$extension" "$name" "$binary" LICENSE README.md
  cyclonedx-gomod bin -json -noserial -notimestamp -version "v$version" -output "$out/$name.cdx.json" "$binary" 2>"$work/log" || fail "$(cat "$work/log")"
  if [ "$os" = linux ]; then
    stage "$arch"
    (cd "$work/package" && ARCH=$arch VERSION=$version nfpm package --config nfpm.yaml --packager deb --target "$out/" >"$work/log") || fail "$(cat "$work/log")"
  fi
done
(cd "$out" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
ls -l "$out"
