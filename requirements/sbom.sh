#!/usr/bin/env bash
# sbom.sh FOLDER: writes IMAGE.cdx.json, a CycloneDX list of what each image installs, from the locks.
set -euo pipefail
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "$0")/locked"
for image in frontend "serving torch" "training serving torch"; do
  read -ra locks <<<"$image"
  cat "${locks[@]/%/.txt}" | cyclonedx-py requirements --output-reproducible --output-file "$folder/${locks[0]}.cdx.json" - 2>/dev/null
done
