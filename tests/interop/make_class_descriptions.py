"""Writes the record of class descriptions that recoil-root falls back on for files that lost their own.

usage: make_class_descriptions.py crates/formats/recoil-root/src/streamer/classes.bin

Needs the Python package ROOT: the record is cut out of a file that holds every kind of leaf and histogram.
"""

import pathlib
import struct
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")

import ROOT

ROOT.gInterpreter.Declare(r"""
#include <vector>
#include "TTree.h"
#include "TFile.h"
#include "TNtuple.h"
#include "TNtupleD.h"
#include "TProfile.h"
#include "TProfile2D.h"
#include "TLorentzVector.h"
void fill_all() {
  TTree t("t", "t"); char b = 0; short s = 0; int i = 0; long g = 0; Long64_t l = 0; float x = 0; double d = 0; bool o = 0; char c[4] = "ab"; Float16_t h = 0; Double32_t q = 0;
  std::vector<float> v; TLorentzVector* lv = new TLorentzVector();
  t.Branch("b", &b, "b/B"); t.Branch("s", &s, "s/S"); t.Branch("i", &i, "i/I"); t.Branch("g", &g, "g/G"); t.Branch("l", &l, "l/L"); t.Branch("x", &x, "x/F"); t.Branch("d", &d, "d/D"); t.Branch("o", &o, "o/O"); t.Branch("c", c, "c/C"); t.Branch("h", &h, "h/f"); t.Branch("q", &q, "q/d"); t.Branch("v", &v); t.Branch("split", &lv); t.Branch("whole", &lv, 32000, 0);
  t.Fill(); t.Write(); TNtuple n("n", "n", "x"); n.Fill(1); n.Write(); TNtupleD nd("nd", "n", "x"); double one[1] = {1}; nd.Fill(one); nd.Write();
  TProfile p("p", "p", 2, 0, 1); p.Write(); TProfile2D p2("p2", "p", 2, 0, 1, 2, 0, 1); p2.Write(); }
""")
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "all.root"
    file = ROOT.TFile(str(path), "recreate", "", 505)
    ROOT.fill_all()
    axis = (2, 0, 1)
    for kind in "CSIFD":
        for n in (1, 2, 3):
            getattr(ROOT, f"TH{n}{kind}")(f"h{n}{kind}", "", *(axis * n)).Write()
    file.Close()
    data = path.read_bytes()
at, size = struct.unpack(">ii", data[37:45])
pathlib.Path(sys.argv[1]).write_bytes(data[at : at + size])
