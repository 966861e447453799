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
    recipe=$RECIPE data=/data
else
    echo "No DATA given: the pictures are drawn by a program. They are not paintings."
    recipe=${RECIPE}_demo data=/build/data/procedural
    hwapung data draw "$data"
fi
# Under the product's name also where it is a demonstration: that is the name that the pages ask for.
# shellcheck disable=SC2086  # SET holds several overrides, with spaces between
hwapung train "$recipe" "name=$RECIPE" ${SET:-} --data "$data" --build /build
exec hwapung archive "$RECIPE" --build /build --out /models
