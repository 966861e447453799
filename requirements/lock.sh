#!/usr/bin/env bash
# Writes requirements/locked/*.txt: what the images install, every version with the hashes of its files, from
# constraints.txt. Needs uv (an extra of development).
set -euo pipefail
cd "$(dirname "$0")"

# A build for one platform must not decide what another may install: the hashes are those of every file of a release.
compile() {
  local out=$1
  shift
  uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --constraint constraints.txt \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file "locked/$out.txt" "$@"
}

compile frontend frontend.txt
# torch with what it needs stands apart, since a build of it from elsewhere has other files.
echo -e 'torch\ntorchvision' | compile torch -
readarray -t torch < <(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package=\1/p' locked/torch.txt)
compile serving runtime.txt serving.txt "${torch[@]}"
readarray -t serving < <(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package=\1/p' locked/serving.txt)
compile training runtime.txt serving.txt training.txt "${torch[@]}" "${serving[@]}"
