#!/usr/bin/env bash
# Makes the pictures of the README and the guides from the outputs of `recoil demo`.
# usage: docs/pictures/make.sh DEMO_DIRECTORY
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
recoil="${RECOIL:-recoil}"
demo="$1"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$recoil" hgcal figures -q --overwrite -o "$out" \
  --input "validation=$demo/validation_default_pu0.parquet" --input "validation=$demo/validation_flat_top_pu0.parquet" \
  --input "clusters=$demo/default_pu0/clusters.parquet" --input "clusters=$demo/flat_top_pu0/clusters.parquet" \
  --input "seeds=$demo/default_pu0/seeds.parquet" --input "seeds=$demo/flat_top_pu0/seeds.parquet" \
  --input "radii=$demo/radii_pu0/summary.parquet" --input "cells=$demo/photons_pu0/tcs.parquet" \
  'runs=[{sample: "Photons, PU 0", label: default kernel}, {sample: "Photons, PU 0", label: flat-top kernel}]' \
  'samples=["Photons, PU 0"]' 'scans=[PU 0]' >/dev/null

cp "$out/splitting_eta_photons_pu_0.png" "$here/splitting.png"
cp "$out/radius_energy.png" "$here/radius.png"
cp "$out"/display_default_kernel_photons_pu_0.png "$here/display.png"

"$recoil" econt simulate -q -o "$out/wafers.parquet" wafers=10000 >/dev/null
"$recoil" econt compare -q -i "$out/wafers.parquet" -o "$out/compared" sample="Simulated wafers" \
  'algorithms=[best_choice, super_trigger_cell, threshold]' 'links=[2, 3, 5]' >/dev/null
cp "$out/compared/profile_occ_EMD.png" "$here/emd.png"
cp "$out/compared/display_best_choice_2_links.png" "$here/wafers.png"

# a training for every number of links takes some minutes
"$recoil" econt simulate -q -o "$out/calq.parquet" wafers=50000 >/dev/null
"$recoil" econt train -q --model 8x8_c8_S2_asic --links 2,3,4,5 --input "$out/calq.parquet" -o "$out/models" \
  training.epochs=60 'training.schedule={cosine: {warm_up: 1}}' 'refine.loss={emd: 1, telescope: 1}' \
  'refine.training={epochs: 60, batch_size: 100, optimiser: {adam: {rate: 0.003}}, schedule: {cosine: {warm_up: 1}}}' >/dev/null
cp "$out/models/links.png" "$here/links.png"

# the guide on compression, from the directory in which workflows/compression.yaml has run
if [ -n "${COMPRESSION:-}" ]; then
  for sample in pu0 pu200; do
    cp "$COMPRESSION/$sample/scan_response_median.png" "$here/compression_response_$sample.png"
    cp "$COMPRESSION/$sample/scan_resolution.png" "$here/compression_resolution_$sample.png"
    cp "$COMPRESSION/$sample/scan_splitting.png" "$here/compression_splitting_$sample.png"
  done
fi

# the guides on taus, from the directory in which workflows/tau.yaml has run
if [ -n "${TAU:-}" ]; then
  "$recoil" tau roc -q --input "$TAU/evaluated/performance.json" -o "$out/tau_roc_jet.png" >/dev/null
  cp "$out/tau_roc_jet.png" "$here/tau_roc_jet.png"
fi
# and from the folder with real files
if [ -n "${RECOIL_REALDATA:-}" ]; then
  "$recoil" tau import -q --input "$RECOIL_REALDATA/tau/nanoAOD_2015_CMS_Open_Data_ttbar.root" -o "$out/taus.parquet" >/dev/null
  "$recoil" tau evaluate -q --scores "$out/taus.parquet" -o "$out/mva" name='MVA isolation' alias='tt, 2015' 'vs_types=[jet]' \
    'selection=""' columns.truth=tauType columns.raw.jet=tau_byIsolationMVArun2017v2DBoldDMwLT2017raw \
    columns.bits.jet=Tau_idMVAoldDM 'bit_names=[VLoose, Loose, Medium, Tight, VTight, VVTight]' 'pt_bins=[[15, 1000]]' \
    'dm_bins=[[]]' >/dev/null
  "$recoil" tau roc -q --input "$out/mva/performance.json" -o "$out/tau_nanoaod.png" >/dev/null
  cp "$out/tau_nanoaod.png" "$here/tau_nanoaod.png"
fi

# the guide on training particle flow, from the directory that its `evaluate` wrote
if [ -n "${PFLOW:-}" ]; then
  chromium --headless --no-sandbox --hide-scrollbars --window-size=760,760 --screenshot="$here/pflow_jets.png" \
    "file://$PFLOW/jet_response.svg" >/dev/null 2>&1
fi
