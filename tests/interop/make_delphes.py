"""Writes a small file in the form of Delphes with ROOT itself, and beside it the numbers that it holds.

usage: make_delphes.py FILE.root [EVENTS] [--pileup-mix] [--plain]

Classes, members and branches are those of Delphes 3.5 (trees `Delphes` of TClonesArrays, references by number); the
events are random. `--pileup-mix` names the collections as the card of the 2021 data set does (PileUpMix, PFChargedHadron, ...);
`--plain` leaves out all that is optional. Same file at every run, but for dates and identifiers. Needs ROOT and numpy.
"""

import json
import math
import pathlib
import sys
import warnings

warnings.simplefilter("ignore")

import numpy as np
import ROOT

CLASSES = r"""
#include "TClonesArray.h"
#include "TFile.h"
#include "TLorentzVector.h"
#include "TObject.h"
#include "TProcessID.h"
#include "TRef.h"
#include "TRefArray.h"
#include "TTree.h"
#include <map>
#include <memory>

class SortableObject : public TObject { public: ClassDef(SortableObject, 1) };
class Event : public TObject { public:
  Long64_t Number; Float_t ReadTime; Float_t ProcTime; ClassDef(Event, 1) };
class HepMCEvent : public Event { public:
  Int_t ProcessID; Int_t MPI; Float_t Weight; Float_t CrossSection; Float_t Scale; ClassDef(HepMCEvent, 3) };
class GenParticle : public SortableObject { public:
  Int_t PID; Int_t Status; Int_t IsPU; Int_t M1; Int_t M2; Int_t D1; Int_t D2; Int_t Charge; Float_t Mass;
  Float_t E; Float_t Px; Float_t Py; Float_t Pz; Float_t P; Float_t PT; Float_t Eta; Float_t Phi; Float_t Rapidity;
  Float_t T; Float_t X; Float_t Y; Float_t Z; ClassDef(GenParticle, 2) };
class MissingET : public TObject { public:
  Float_t MET; Float_t Eta; Float_t Phi; ClassDef(MissingET, 1) };
class Jet : public SortableObject { public:
  Float_t PT; Float_t Eta; Float_t Phi; Float_t T; Float_t Mass; Float_t DeltaEta; Float_t DeltaPhi; UInt_t Flavor; UInt_t BTag;
  Int_t Charge; Float_t EhadOverEem; Float_t Tau[5]; TLorentzVector SoftDroppedJet; TLorentzVector TrimmedP4[5];
  TRefArray Constituents; TRefArray Particles; TLorentzVector Area; ClassDef(Jet, 4) };
class Track : public SortableObject { public:
  Int_t PID; Int_t Charge; Float_t P; Float_t PT; Float_t Eta; Float_t Phi; Float_t CtgTheta; Float_t C; Float_t Mass;
  Float_t EtaOuter; Float_t PhiOuter; Float_t T; Float_t X; Float_t Y; Float_t Z; Float_t TOuter; Float_t XOuter;
  Float_t YOuter; Float_t ZOuter; Float_t L; Float_t D0; Float_t DZ; TRef Particle; Int_t VertexIndex; ClassDef(Track, 3) };
class Tower : public SortableObject { public:
  Float_t ET; Float_t Eta; Float_t Phi; Float_t E; Float_t T; Int_t NTimeHits; Float_t Eem; Float_t Ehad; Float_t Edges[4];
  TRefArray Particles; ClassDef(Tower, 3) };
class Muon : public SortableObject { public:
  Float_t PT; Float_t Eta; Float_t Phi; Float_t T; Int_t Charge; TRef Particle; Float_t IsolationVar; ClassDef(Muon, 4) };
class Electron : public SortableObject { public:
  Float_t PT; Float_t Eta; Float_t Phi; Float_t T; Int_t Charge; Float_t EhadOverEem; TRef Particle; Float_t IsolationVar;
  ClassDef(Electron, 4) };

// One array of objects and its size, as ExRootTreeBranch makes them.
struct Collection {
  TClonesArray* data; Int_t size = 0;
  Collection(TTree* tree, const char* name, const char* type) {
    data = new TClonesArray(type, 10);
    data->ExpandCreateFast(10); data->Clear();
    tree->Branch(name, &data, 64000, 99);
    tree->Branch((std::string(name) + "_size").c_str(), &size, (std::string(name) + "_size/I").c_str());
  }
  TObject* add() { return data->ConstructedAt(size++); }
  void clear() { data->Clear("C"); size = 0; }
};

struct Writer {
  TFile file; TTree* tree; std::map<std::string, std::unique_ptr<Collection>> all; std::vector<std::unique_ptr<TObject>> candidates;
  Writer(const char* path) : file(path, "RECREATE"), tree(new TTree("Delphes", "Analysis tree")) {}
  void collection(const char* name, const char* type) { all[name].reset(new Collection(tree, name, type)); }
  // a candidate of the simulation, to which references lead; returns its number
  int candidate() { candidates.emplace_back(new TObject); return TProcessID::AssignID(candidates.back().get()); }
  void refer(TObject* entry, int c) { entry->SetBit(kIsReferenced); entry->SetUniqueID(candidates[c]->GetUniqueID()); }
  void event(long number) { auto e = (HepMCEvent*)all["Event"]->add(); e->Number = number; e->ProcessID = 9999; e->Weight = 1; }
  void particle(const char* name, int c, int pid, int status, int pu, int m1, int d1, int d2, int charge, float mass, float px, float py,
                float pz, float e, float pt, float eta, float phi) {
    auto p = (GenParticle*)all[name]->add(); refer(p, c);
    p->PID = pid; p->Status = status; p->IsPU = pu; p->M1 = m1; p->M2 = -1; p->D1 = d1; p->D2 = d2; p->Charge = charge;
    p->Mass = mass; p->E = e; p->Px = px; p->Py = py; p->Pz = pz; p->P = std::sqrt(px * px + py * py + pz * pz);
    p->PT = pt; p->Eta = eta; p->Phi = phi;
  }
  void track(const char* name, int c, int p, int pid, int charge, float pt, float eta, float phi, float eta_outer, float phi_outer) {
    auto t = (Track*)all[name]->add(); refer(t, c);
    t->PID = pid; t->Charge = charge; t->PT = pt; t->P = pt * std::cosh(eta); t->Eta = eta; t->Phi = phi;
    t->EtaOuter = eta_outer; t->PhiOuter = phi_outer;
    if (p >= 0) t->Particle = candidates[p].get(); else t->Particle = nullptr;
  }
  template <class T> void lepton(const char* name, int p, int charge, float pt, float eta, float phi) {
    auto t = (T*)all[name]->add(); t->PT = pt; t->Eta = eta; t->Phi = phi; t->Charge = charge; t->Particle = candidates[p].get();
  }
  void tower(const char* name, int c, const std::vector<int>& particles, float et, float eta, float phi, float e, float em, float had) {
    auto t = (Tower*)all[name]->add(); refer(t, c);
    t->ET = et; t->Eta = eta; t->Phi = phi; t->E = e; t->Eem = em; t->Ehad = had;
    t->Particles.Clear(); for (int p : particles) t->Particles.Add(candidates[p].get());
  }
  void jet(const char* name, const std::vector<int>& particles, float pt, float eta, float phi, float mass) {
    auto j = (Jet*)all[name]->add(); j->PT = pt; j->Eta = eta; j->Phi = phi; j->Mass = mass;
    j->Constituents.Clear(); j->Particles.Clear(); for (int p : particles) j->Constituents.Add(candidates[p].get());
  }
  void met(float met, float phi) { auto m = (MissingET*)all["GenMissingET"]->add(); m->MET = met; m->Eta = 0; m->Phi = phi; }
  void fill() { tree->Fill(); for (auto& [name, c] : all) c->clear(); candidates.clear(); TProcessID::SetObjectCount(0); }
  void close() { file.Write(); file.Close(); }
};
"""

SPECIES = [(211, 1, 0.1396), (-211, -1, 0.1396), (130, 0, 0.4976), (22, 0, 0.0), (11, -1, 0.0005), (-13, 1, 0.1057), (2112, 0, 0.9396), (321, 1, 0.4937)]
SHARES = [0.25, 0.25, 0.1, 0.25, 0.04, 0.04, 0.04, 0.03]
CELL = 0.2


def f32(value):
    return float(np.float32(value))


def make(path, events, mix, plain):
    ROOT.gROOT.SetBatch(True)
    ROOT.gInterpreter.Declare(CLASSES)
    rng = np.random.default_rng(20210121)
    names = {"particle": "Particle", "charged": "EFlowTrack", "photon": "EFlowPhoton", "neutral": "EFlowNeutralHadron"}
    if mix:
        names = {"particle": "PileUpMix", "charged": "PFChargedHadron", "photon": "PFPhoton", "neutral": "PFNeutralHadron"}
    writer = ROOT.Writer(str(path))
    kinds = {"Event": "HepMCEvent", names["particle"]: "GenParticle", "Track": "Track", "Tower": "Tower"}
    if not plain:
        kinds |= {names["charged"]: "Track", names["photon"]: "Tower", names["neutral"]: "Tower", "GenJet": "Jet", "GenMissingET": "MissingET"}
        if mix:
            kinds |= {"PFElectron": "Electron", "PFMuon": "Muon"}
    for name, kind in kinds.items():
        writer.collection(name, kind)
    written = []
    for number in range(events):
        writer.event(1000 + number)
        record = {"event": 1000 + number, "particles": [], "tracks": [], "towers": [], "charged": [], "neutrals": []}
        # a decaying particle above the stable ones; a neutrino among them; an event without anything
        count = 0 if number == 2 else int(rng.integers(8, 30))
        if count:
            uid = writer.candidate()
            writer.particle(names["particle"], uid - 1, 23, 2, 0, -1, 1, count, 0, 91.2, 0.0, 0.0, 5.0, 91.34, 0.0, 999.9, 0.0)
            record["particles"].append({"pid": 23, "status": 2, "pu": 0, "charge": 0, "p": [0, 0, 5, f32(91.34)], "uid": uid})
        for index in range(count):
            pid, charge, mass = SPECIES[rng.choice(len(SPECIES), p=SHARES)]
            if index == 3:
                pid, charge, mass = 12, 0, 0.0
            pt, eta, phi = 0.5 + rng.exponential(6.0), rng.uniform(-3.2, 3.2), rng.uniform(-math.pi, math.pi)
            px, py, pz = pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)
            e = math.sqrt(px * px + py * py + pz * pz + mass * mass)
            pu = int(rng.random() < 0.3)
            uid = writer.candidate()
            writer.particle(names["particle"], uid - 1, pid, 1, pu, 0, -1, -1, charge, mass, px, py, pz, e, pt, eta, phi)
            record["particles"].append({"pid": pid, "status": 1, "pu": pu, "charge": charge, "p": [f32(v) for v in (px, py, pz, e)], "eta": f32(eta), "phi": f32(phi), "pt": f32(pt), "uid": uid})
        cells = {}
        for place, p in enumerate(record["particles"]):
            if p["status"] != 1 or p["pid"] == 12:
                continue
            if p["charge"] and abs(p["eta"]) < 2.5 and rng.random() < 0.85:
                pt, eta = p["pt"] * (1 + 0.01 * rng.normal()), p["eta"] + 0.001 * rng.normal()
                outer = (eta + 0.01, p["phi"] + 0.1 * p["charge"])
                c = writer.candidate()
                writer.track("Track", c - 1, p["uid"] - 1, p["pid"], p["charge"], pt, eta, p["phi"], *outer)
                record["tracks"].append({"particle": place, "charge": p["charge"], "pt": f32(pt), "eta": f32(eta), "phi": p["phi"], "outer": [f32(v) for v in outer]})
                record["charged"].append(len(record["tracks"]) - 1)
            if abs(p["pid"]) != 13:
                cells.setdefault((round(p["eta"] / CELL), round(p["phi"] / CELL)), []).append(place)
        for (i, j), members in cells.items():
            eta, phi = CELL * i + 0.01 * rng.normal(), CELL * j + 0.01 * rng.normal()
            em = sum(record["particles"][m]["p"][3] for m in members if record["particles"][m]["pid"] in (22, 11))
            had = sum(record["particles"][m]["p"][3] for m in members) - em
            e = em + had
            c = writer.candidate()
            uids = [record["particles"][m]["uid"] - 1 for m in members]
            writer.tower("Tower", c - 1, uids, e / math.cosh(eta), eta, phi, e, em, had)
            tower = {"particles": members, "et": f32(e / math.cosh(eta)), "eta": f32(eta), "phi": f32(phi), "e": f32(e), "em": f32(em), "had": f32(had)}
            record["towers"].append(tower)
            tracked = {t["particle"] for t in record["tracks"]}
            left = {kind: sum(record["particles"][m]["p"][3] for m in members if m not in tracked and (record["particles"][m]["pid"] in (22, 11)) == (kind == "photon")) for kind in ("photon", "neutral")}
            for kind, energy in left.items():
                if energy > 0.5 and not plain:
                    c = writer.candidate()
                    writer.tower(names[kind], c - 1, uids, energy / math.cosh(eta), eta, phi, energy, energy * (kind == "photon"), energy * (kind == "neutral"))
                    record["neutrals"].append({"tower": len(record["towers"]) - 1, "kind": kind, "e": f32(energy), "eta": f32(eta), "phi": f32(phi)})
        if plain:
            record["charged"] = []
        else:
            for place in record["charged"]:
                t = record["tracks"][place]
                p = record["particles"][t["particle"]]
                if mix and abs(p["pid"]) in (11, 13):
                    fill = writer.lepton[ROOT.Electron if abs(p["pid"]) == 11 else ROOT.Muon]
                    fill("PFElectron" if abs(p["pid"]) == 11 else "PFMuon", p["uid"] - 1, p["charge"], t["pt"], t["eta"], t["phi"])
                    continue
                c = writer.candidate()
                writer.track(names["charged"], c - 1, p["uid"] - 1, p["pid"], p["charge"], t["pt"], t["eta"], t["phi"], *t["outer"])
            writer.jet("GenJet", [p["uid"] - 1 for p in record["particles"][:4]], 40.0, 0.5, 1.0, 5.0)
            writer.met(12.0, 0.3)
        writer.fill()
        written.append(record)
    writer.close()
    pathlib.Path(path).with_suffix(".json").write_text(json.dumps(written, separators=(",", ":")))


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    make(words[0], int(words[1]) if len(words) > 1 else 6, "--pileup-mix" in sys.argv, "--plain" in sys.argv)
