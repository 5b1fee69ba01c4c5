"""Writes ROOT files of many layouts with ROOT itself and with uproot, for compare_uproot.py.

usage: make_corpus.py FOLDER

Needs the Python packages ROOT, uproot, awkward and numpy. Same files at every run (fixed seeds).
"""

import pathlib
import sys
import warnings
from array import array

warnings.simplefilter("ignore")

import awkward as ak
import numpy as np
import ROOT
import uproot

OUT = pathlib.Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)

ROOT.gROOT.SetBatch(True)
ROOT.gInterpreter.Declare(r"""
#include <map>
#include <set>
#include <list>
#include <deque>
#include <array>
#include <bitset>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include <string>
#include "TTree.h"
#include "TFile.h"
#include "TNtuple.h"
#include "TNtupleD.h"
#include "TClonesArray.h"
#include "TLorentzVector.h"
#include "TParticle.h"
#include "TVector3.h"
#include "TRandom3.h"
#include "TString.h"
#include "ROOT/RVec.hxx"
#include "ROOT/TIOFeatures.hxx"

struct Hit { int id; float x; double y; short s; bool ok; unsigned char c; ULong64_t big; };
struct Track { float px, py, pz; int nhits; std::vector<float> res; std::string label; float cov[3]; };
class BaseCell { public: BaseCell() : fBase(0) {} virtual ~BaseCell() {} int fBase; std::vector<int> fIds; ClassDef(BaseCell, 3) };
class Cell : public BaseCell { public:
  Cell() : fN(0), fArr(nullptr), fD(0), fF(0) {} virtual ~Cell() { delete[] fArr; }
  int fN; float* fArr; //[fN]
  Double32_t fD; //[0, 100, 12]
  Float16_t fF; //[-10, 10, 16]
  Double32_t fPlain; Float16_t fPlain16; Double32_t fCut; //[0,0,10]
  Double32_t fPi; //[-pi, pi, 14]
  Double32_t fArr3[3]; //[0, 10, 16]
  TString fName; std::string fStd; double fMat[2][3];
  std::map<int, float> fMap; std::vector<std::vector<double>> fVV; std::vector<std::string> fVS;
  ClassDef(Cell, 2) };

template <class T> void fill_vec(std::vector<T>& v, TRandom3& r, int n) { v.clear(); for (int i = 0; i < n; ++i) v.push_back((T)(r.Rndm() * 200 - 50)); }

void leaves(const char* path, int comp, int n, int basket, int features, int flush) {
  TFile f(path, "recreate", "", comp); TTree t("t", "leaves"); TRandom3 r(1);
  if (features) { ROOT::TIOFeatures io; io.Set(ROOT::Experimental::EIOFeatures::kGenerateOffsetMap); t.SetIOFeatures(io); }
  if (flush) t.SetAutoFlush(flush);
  char b; unsigned char ub; short s; unsigned short us; int i; unsigned ui; Long64_t l; ULong64_t ul; long g; unsigned long ug; float x; double d; bool o; char c[400];
  float fx[3]; int ix[2][3]; int m; float jx[20]; double jx3[20][3]; bool jb[20]; short js[20]; struct { int a; float b; double c; } mix; 
  Float16_t f16, f16r; Double32_t d32, d32r; Float16_t jf16[20]; Double32_t jd32[20]; Double32_t fd32[4];
  unsigned char um; float ju[20];
  t.Branch("b", &b, "b/B"); t.Branch("ub", &ub, "ub/b"); t.Branch("s", &s, "s/S"); t.Branch("us", &us, "us/s"); t.Branch("i", &i, "i/I"); t.Branch("ui", &ui, "ui/i");
  t.Branch("l", &l, "l/L"); t.Branch("ul", &ul, "ul/l"); t.Branch("g", &g, "g/G"); t.Branch("ug", &ug, "ug/g"); t.Branch("x", &x, "x/F"); t.Branch("d", &d, "d/D"); t.Branch("o", &o, "o/O"); t.Branch("c", c, "c/C");
  t.Branch("fx", fx, "fx[3]/F"); t.Branch("ix", ix, "ix[2][3]/I"); t.Branch("m", &m, "m/I"); t.Branch("jx", jx, "jx[m]/F"); t.Branch("jx3", jx3, "jx3[m][3]/D"); t.Branch("jb", jb, "jb[m]/O"); t.Branch("js", js, "js[m]/S");
  t.Branch("mix", &mix, "a/I:b/F:c/D"); t.Branch("f16", &f16, "f16/f"); t.Branch("f16r", &f16r, "f16r/f[0,100,10]"); t.Branch("d32", &d32, "d32/d"); t.Branch("d32r", &d32r, "d32r/d[0,100,20]");
  t.Branch("jf16", jf16, "jf16[m]/f"); t.Branch("jd32", jd32, "jd32[m]/d"); t.Branch("fd32", fd32, "fd32[4]/d[0,0,12]");
  t.Branch("um", &um, "um/b"); t.Branch("ju", ju, "ju[um]/F");
  if (basket) t.SetBasketSize("*", basket);
  for (int e = 0; e < n; ++e) {
    b = e; ub = e * 3; s = e - 100; us = e * 7; i = -e; ui = e * 11u; l = (Long64_t)e << 33; ul = ~(ULong64_t)e; g = -e; ug = e; x = r.Gaus(); d = r.Gaus(); o = e % 3 == 0;
    int len = e % 17 == 0 ? 300 : 1 + e % 5; // uproot reads empty strings of leaves wrongly for (int k = 0; k < len; ++k) c[k] = 'a' + (k + e) % 26; c[len] = 0;
    for (auto& v : fx) v = r.Rndm(); for (auto& row : ix) for (auto& v : row) v = r.Integer(1000); m = r.Integer(20); um = r.Integer(5);
    for (int k = 0; k < 20; ++k) { jx[k] = r.Rndm(); jb[k] = k % 2; js[k] = k * e; jf16[k] = r.Rndm() * 50; jd32[k] = r.Rndm() * 100; ju[k] = k + e; for (auto& v : jx3[k]) v = r.Rndm(); }
    mix = {e, x, d}; f16 = r.Gaus() * 1e3; f16r = r.Rndm() * 100; d32 = r.Gaus(); d32r = r.Rndm() * 100; for (auto& v : fd32) v = r.Gaus();
    t.Fill(); }
  t.Write(); f.Close(); }

void stl(const char* path, int comp, int n, int basket, int split) {
  TFile f(path, "recreate", "", comp); TTree t("t", "stl"); TRandom3 r(2);
  std::vector<bool> vb; std::vector<char> vc; std::vector<unsigned char> vuc; std::vector<short> vs; std::vector<unsigned short> vus; std::vector<int> vi; std::vector<unsigned> vu; std::vector<Long64_t> vl; std::vector<ULong64_t> vul; std::vector<long> vlong; std::vector<float> vf; std::vector<double> vd;
  std::vector<std::vector<int>> vvi; std::vector<std::vector<float>> vvf; std::vector<std::vector<std::vector<double>>> vvvd; std::vector<std::vector<bool>> vvb; std::vector<std::string> vstr; std::vector<std::vector<std::string>> vvstr; std::string str; TString ts; std::vector<TString> vts;
  std::map<int, float> mif; std::map<std::string, std::vector<double>> msvd; std::map<int, std::string> mis; std::map<std::string, int> msi; std::map<int, std::vector<std::string>> mivs; std::set<int> si; std::set<std::string> ss; std::list<float> lf; std::deque<short> ds; std::multiset<int> msx; std::unordered_set<int> us; std::unordered_map<int, double> um; std::array<float, 3> af; std::bitset<16> bs; std::pair<int, float> p; std::vector<std::pair<int, float>> vp; std::vector<std::set<int>> vsi; std::set<std::vector<int>> svi; std::map<int, std::map<int, float>> mmi;
  ROOT::RVec<float> rf; ROOT::RVec<int> ri; ROOT::RVec<ROOT::RVec<double>> rrd; ROOT::RVec<bool> rb;
#define B(x) t.Branch(#x, &x, basket ? basket : 32000, split);
  B(vb) B(vc) B(vuc) B(vs) B(vus) B(vi) B(vu) B(vl) B(vul) B(vlong) B(vf) B(vd) B(vvi) B(vvf) B(vvvd) B(vvb) B(vstr) B(vvstr) B(str) B(ts) B(vts) B(mif) B(msvd) B(mis) B(msi) B(mivs) B(si) B(ss) B(lf) B(ds) B(msx) B(us) B(um) B(af) B(bs) B(p) B(vp) B(vsi) B(svi) B(mmi) B(rf) B(ri) B(rrd) B(rb)
  for (int e = 0; e < n; ++e) { int k = r.Integer(6);
    fill_vec(vb, r, k); fill_vec(vc, r, k); fill_vec(vuc, r, k); fill_vec(vs, r, k); fill_vec(vus, r, k); fill_vec(vi, r, k); fill_vec(vu, r, k); fill_vec(vl, r, k); fill_vec(vul, r, k); fill_vec(vlong, r, k); fill_vec(vf, r, k); fill_vec(vd, r, k);
    vvi.clear(); vvf.clear(); vvvd.clear(); vvb.clear(); vstr.clear(); vvstr.clear(); vts.clear(); rrd.clear(); vp.clear(); vsi.clear(); svi.clear();
    for (int j = 0; j < k; ++j) { vvi.emplace_back(r.Integer(4), j); vvf.emplace_back(r.Integer(4), j * .5f); vvvd.emplace_back(r.Integer(3), std::vector<double>(r.Integer(3), j)); vvb.emplace_back(r.Integer(3), true); vstr.push_back(std::string(j == 3 ? 280 : j, 'x')); vvstr.emplace_back(r.Integer(3), std::string(j, 'y')); vts.push_back(TString('t', j)); rrd.emplace_back(ROOT::RVec<double>(r.Integer(3), 1.5)); vp.emplace_back(j, .5f * j); vsi.push_back({j, e}); svi.insert({j, e, k}); }
    str = std::string(e % 13 == 0 ? 300 : e % 6, 's'); ts = TString('T', e % 4); mif.clear(); msvd.clear(); mis.clear(); msi.clear(); mivs.clear(); si.clear(); ss.clear(); lf.clear(); ds.clear(); msx.clear(); us.clear(); um.clear(); mmi.clear();
    for (int j = 0; j < k; ++j) { mif[j] = e; msvd[std::string(j, 'k')] = std::vector<double>(j, e); mis[j] = std::string(j, 'v'); msi[std::string(j, 'q')] = j; mivs[j] = {"a", "bc"}; si.insert(j * 2); ss.insert(std::string(j, 'z')); lf.push_back(j); ds.push_back(j); msx.insert(j % 2); us.insert(j); um[j] = j; mmi[j][e] = j; }
    af = {1.f * e, 2, 3}; bs = std::bitset<16>(e * 31); p = {e, .5f}; rf = ROOT::RVec<float>(vf.begin(), vf.end()); ri = ROOT::RVec<int>(vi.begin(), vi.end()); rb = ROOT::RVec<bool>(vb.begin(), vb.end());
    t.Fill(); }
  t.Write(); f.Close(); }

void classes(const char* path, int comp, int n, int basket, int split) {
  TFile f(path, "recreate", "", comp); TTree t("t", "classes"); TRandom3 r(3);
  Hit hit; Track track; std::vector<Hit> hits; std::vector<Track> tracks; Cell cell; TLorentzVector lv; std::vector<TLorentzVector> lvs; TVector3 v3;
  TClonesArray clones("TLorentzVector"); TClonesArray parts("TParticle");
  t.Branch("hit", &hit, basket, split); t.Branch("track.", &track, basket, split); t.Branch("hits", &hits, basket, split); t.Branch("tracks", &tracks, basket, split); t.Branch("cell", &cell, basket, split); t.Branch("lv", &lv, basket, split); t.Branch("lvs", &lvs, basket, split); t.Branch("v3", &v3, basket, split); t.Branch("clones", &clones, basket, split); t.Branch("parts", &parts, basket, split);
  for (int e = 0; e < n; ++e) { int k = r.Integer(5);
    hit = {e, (float)r.Rndm(), r.Gaus(), (short)e, e % 2 == 0, (unsigned char)e, (ULong64_t)e << 40}; track = {1, 2, (float)e, k, std::vector<float>(k, e), std::string(k, 'L'), {1, 2, (float)e}};
    hits.assign(k, hit); tracks.assign(k, track); for (int j = 0; j < k; ++j) { hits[j].x = j; tracks[j].res.resize(j); tracks[j].label = std::string(j, 'm'); }
    cell.fBase = e; cell.fIds.assign(k, e); cell.fN = k; delete[] cell.fArr; cell.fArr = new float[k + 1]; for (int j = 0; j < k; ++j) cell.fArr[j] = j + e; cell.fD = r.Rndm() * 100; cell.fF = r.Rndm() * 20 - 10; cell.fPlain = r.Gaus(); cell.fPlain16 = r.Gaus(); cell.fCut = r.Gaus(); cell.fPi = r.Rndm(); for (auto& v : cell.fArr3) v = r.Rndm() * 10; cell.fName = TString('N', k); cell.fStd = std::string(k, 'S'); for (auto& row : cell.fMat) for (auto& v : row) v = r.Rndm(); cell.fMap.clear(); for (int j = 0; j < k; ++j) cell.fMap[j] = e; cell.fVV.assign(k, std::vector<double>(k, .5)); cell.fVS.assign(k, "vs");
    lv.SetPxPyPzE(e, 1, 2, 3); lvs.assign(k, lv); v3.SetXYZ(e, 1, 2); clones.Clear(); parts.Clear(); for (int j = 0; j < k; ++j) { new (clones[j]) TLorentzVector(j, e, 1, 2); new (parts[j]) TParticle(11, j, 0, 0, 0, 0, lv, lv); }
    t.Fill(); }
  t.Write(); f.Close(); }

void unclosed(const char* path) {
  TFile* f = new TFile(path, "recreate"); TTree* t = new TTree("t", "autosaved"); int x; t->Branch("x", &x); for (x = 0; x < 500; ++x) t->Fill(); t->AutoSave(); f->Flush(); }
""")

for comp in (0, 101, 109, 207, 404, 505):
    ROOT.leaves(str(OUT / f"leaves_{comp}.root"), comp, 300, 0, 0, 0)
    ROOT.stl(str(OUT / f"stl_{comp}.root"), comp, 60, 0, 99)
ROOT.leaves(str(OUT / "leaves_small_baskets.root"), 101, 2000, 1000, 0, 0)
ROOT.leaves(str(OUT / "leaves_flush.root"), 505, 2000, 0, 0, 100)
ROOT.leaves(str(OUT / "leaves_generated_offsets.root"), 404, 2000, 0, 1, 100)
ROOT.leaves(str(OUT / "leaves_generated_offsets_embedded.root"), 404, 50, 0, 1, 0)
ROOT.leaves(str(OUT / "leaves_one.root"), 101, 1, 0, 0, 0)
ROOT.leaves(str(OUT / "leaves_none.root"), 101, 0, 0, 0, 0)
ROOT.leaves(str(OUT / "leaves_many.root"), 101, 40000, 0, 0, 0)
ROOT.stl(str(OUT / "stl_small_baskets.root"), 101, 500, 1000, 99)
ROOT.stl(str(OUT / "stl_unsplit.root"), 101, 500, 4000, 0)
for split in (0, 1, 99):
    ROOT.classes(str(OUT / f"classes_split{split}.root"), 101, 100, 32000, split)
    ROOT.classes(str(OUT / f"classes_split{split}_small.root"), 404, 300, 1200, split)
ROOT.TVirtualStreamerInfo.SetStreamMemberWise(False)
ROOT.stl(str(OUT / "stl_object_wise.root"), 101, 60, 0, 0)
ROOT.classes(str(OUT / "classes_object_wise.root"), 101, 60, 32000, 0)
ROOT.TVirtualStreamerInfo.SetStreamMemberWise(True)

# small files for tests that do not need Python
SMALL = OUT / "small"
SMALL.mkdir(exist_ok=True)
for name, comp, features in (("zlib", 101, 0), ("lzma", 207, 0), ("lz4_generated_offsets", 404, 1), ("zstd", 505, 0), ("stored", 0, 0)):
    ROOT.leaves(str(SMALL / f"leaves_{name}.root"), comp, 40, 0, features, 15)
ROOT.stl(str(SMALL / "stl.root"), 101, 12, 0, 99)
ROOT.classes(str(SMALL / "classes.root"), 404, 12, 32000, 99)

# directories, tuples and histograms
file = ROOT.TFile(str(OUT / "directories.root"), "recreate")
top = file.mkdir("top")
deep = top.mkdir("deep")
deep.cd()
for cls, name in ((ROOT.TNtuple, "nt"), (ROOT.TNtupleD, "ntd")):
    nt = cls(name, "tuple", "x:y:z")
    for i in range(100):
        nt.Fill(i, i * 2.0, i * 0.5)
    nt.Write()
top.cd()
for cls in "CSIFD":
    h = getattr(ROOT, f"TH1{cls}")(f"h1{cls}", "one;x;n", 20, -3, 3)
    h2 = getattr(ROOT, f"TH2{cls}")(f"h2{cls}", "two;x;y", 5, -3, 3, 4, 0, 1)
    for i in range(100):
        h.Fill((i * 37 % 60) / 10 - 3.0)
        h2.Fill((i * 37 % 60) / 10 - 3.0, (i * 13 % 20) / 20)
    h.Write()
    h2.Write()
edges = array("d", [0, 1, 3, 10])
hv = ROOT.TH1D("variable", "variable", 3, edges)
hv.Sumw2()
hv.Fill(2, 2.5)
hv.Fill(-1)
hv.Write()
p = ROOT.TProfile("profile", "profile;x;y", 10, 0, 10)
h3 = ROOT.TH3F("h3", "three", 3, 0, 1, 4, 0, 1, 5, 0, 1)
for i in range(200):
    p.Fill(i % 10, i * 0.1)
    h3.Fill(i / 200, i / 200, i / 200)
p.Write()
h3.Write()
file.Close()

(SMALL / "directories.root").write_bytes((OUT / "directories.root").read_bytes())

# a tree in several cycles, and one that was never closed
file = ROOT.TFile(str(OUT / "cycles.root"), "recreate")
tree = ROOT.TTree("t", "cycles")
x = array("i", [0])
tree.Branch("x", x, "x/I")
for cycle in range(3):
    for i in range(100):
        x[0] = i
        tree.Fill()
    tree.Write()
file.Close()
ROOT.unclosed(str(OUT / "tmp_unclosed"))
data = (OUT / "tmp_unclosed").read_bytes()  # while ROOT still has it open
(SMALL / "unclosed.root").write_bytes(data)

# RDataFrame, as analysts write
df = ROOT.RDataFrame(500).Define("n", "(int)(rdfentry_ % 7)").Define("v", "ROOT::RVec<float>(n, 1.5f)").Define("flag", "n > 3")
df.Snapshot("t", str(OUT / "rdf.root"), ["n", "v", "flag"])

# uproot
rng = np.random.default_rng(5)
n = 3000
counts = rng.integers(0, 8, n)
jagged = ak.unflatten(rng.normal(size=counts.sum()).astype("f4"), counts)
for name, comp in (("none", None), ("zlib", uproot.ZLIB(1)), ("lzma", uproot.LZMA(1)), ("lz4", uproot.LZ4(4)), ("zstd", uproot.ZSTD(5))):
    with uproot.recreate(OUT / f"uproot_{name}.root", compression=comp) as file:
        file.mktree("dir/t", {t: rng.integers(0, 100, n).astype(t) for t in ("bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")})
        file.mktree("j", {"x": jagged, "y": ak.values_astype(jagged, "i8"), "fixed": rng.normal(size=(n, 3)), "fixed2": rng.normal(size=(n, 2, 3)).astype("f4")})
        file.mktree("group", {"p": ak.zip({"pt": jagged, "eta": jagged})})
        batch = {"x": rng.normal(size=50).astype("f4"), "v": ak.unflatten(rng.normal(size=100), [2] * 50)}
        file.mktree("batches", batch)
        for i in range(5):
            file["batches"].extend(batch)
        file["h"] = np.histogram(rng.normal(size=1000), 20)
with uproot.recreate(SMALL / "uproot.root", compression=uproot.ZSTD(5)) as file:
    file.mktree("dir/t", {"x": np.arange(50, dtype="f4"), "v": jagged[:50], "fixed": np.arange(100.0).reshape(50, 2)})
big = np.arange(6_000_000, dtype="i8")
with uproot.recreate(OUT / "uproot_multi_block.root", compression=uproot.ZSTD(1)) as file:
    file.mktree("t", {"big": big})
with uproot.recreate(OUT / "uproot_multi_block_zlib.root", compression=uproot.ZLIB(1)) as file:
    file.mktree("t", {"big": big})
