#!/bin/sh
# Makes RECIPE's model and puts its archive into /models; in the `training` image.
#   make_model.sh               train on the pictures under /data, or on procedural ones where nothing is mounted there
#   make_model.sh --if-missing  nothing where an archive of it is to be had already
set -eu

if [ "${1:-}" = --if-missing ]; then
    for store in /models /host-models; do
        if [ -e "$store/$RECIPE.mar" ]; then
            echo "There is an archive of $RECIPE already."
            exit 0
        fi
    done
fi

# Compose mounts /dev/null at /data when DATA is not set.
if [ -d /data ]; then
    set -- "$RECIPE" --data /data
else
    echo "No DATA given: the pictures are drawn by a program. They are not paintings."
    set -- "${RECIPE}_demo" "name=$RECIPE"  # served under the name that the front end asks for
fi
# shellcheck disable=SC2086  # SET holds several overrides, with spaces between
python -m model_training train "$@" ${SET:-} --build /build
exec python -m torchserve archive --bundle "/build/bundles/$RECIPE" --out /models
