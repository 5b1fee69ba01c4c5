"""RNTuples of many kinds, written by ROOT and by uproot.

usage: make_ntuples.py FOLDER

The folder `small` in it gets what stands in `testdata/root`.
"""

import pathlib
import sys

import awkward as ak
import numpy as np
import ROOT
import uproot

OUT = pathlib.Path(sys.argv[1])
SMALL = OUT / "small"
SMALL.mkdir(parents=True, exist_ok=True)

ROOT.gInterpreter.Declare(r"""
#include <ROOT/RField.hxx>
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleReader.hxx>
#include <ROOT/RNTupleWriteOptions.hxx>
#include <ROOT/RNTupleWriter.hxx>
#include <TFile.h>
#include <atomic>
#include <bitset>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <variant>

using ROOT::RNTupleModel;
using ROOT::RNTupleWriter;
using Column = ROOT::ENTupleColumnType;

enum class Colour : std::uint16_t { kRed = 3, kBlue = 500 };
struct Base { int x = 0; float common = 0; };
struct Other { double x = 0; };
struct Track : Base, Other { float pt = 0; std::vector<float> hits; double x = 0; };
struct Event { std::int32_t number = 0; std::vector<Track> tracks; Track best; std::string label; };

std::string ofMuonPt(const std::string &name) { return name == "Muon_pt" ? "Muon" : "Muon._0.pt"; }
std::string ofMuon(const std::string &) { return "Muon"; }
std::string ofList(const std::string &) { return "list"; }
struct Muon { float pt; std::int32_t charge; std::vector<std::uint8_t> ids; };

ROOT::RNTupleWriteOptions options(int compression, int page, int cluster)
{
   ROOT::RNTupleWriteOptions o;
   o.SetCompression(compression);
   o.SetInitialUnzippedPageSize(64);
   o.SetMaxUnzippedPageSize(page);
   o.SetApproxZippedClusterSize(cluster);
   o.SetMaxUnzippedClusterSize(10 * cluster);
   return o;
}

// every number in every encoding that ROOT writes, in several clusters and pages
void numbers(const char *path, int compression, int entries, bool split)
{
   auto model = RNTupleModel::Create();
   auto b = model->MakeField<bool>("b", "true in every third entry");
   auto c = model->MakeField<char>("c");
   auto byte = model->MakeField<std::byte>("byte");
   auto i1 = model->MakeField<std::int8_t>("i1");
   auto u1 = model->MakeField<std::uint8_t>("u1");
   auto i2 = model->MakeField<std::int16_t>("i2");
   auto u2 = model->MakeField<std::uint16_t>("u2");
   auto i4 = model->MakeField<std::int32_t>("i4");
   auto u4 = model->MakeField<std::uint32_t>("u4");
   auto i8 = model->MakeField<std::int64_t>("i8");
   auto u8 = model->MakeField<std::uint64_t>("u8");
   auto f4 = model->MakeField<float>("f4", "one half of / the number");
   auto f8 = model->MakeField<double>("f8");
   auto d32 = model->MakeField<Double32_t>("d32");
   std::vector<std::shared_ptr<float>> floats;
   auto add = [&](const char *name, auto prepare) {
      auto field = std::make_unique<ROOT::RField<float>>(name);
      prepare(*field);
      model->AddField(std::move(field));
      floats.push_back(model->GetDefaultEntry().GetPtr<float>(name));
   };
   add("half", [](auto &f) { f.SetHalfPrecision(); });
   for (int bits : {10, 12, 17, 24, 31}) add(Form("trunc%d", bits), [=](auto &f) { f.SetTruncated(bits); });
   for (int bits : {1, 7, 20, 32}) add(Form("quant%d", bits), [=](auto &f) { f.SetQuantized(-100, 300, bits); });
   auto fieldD = std::make_unique<ROOT::RField<double>>("quantd");
   fieldD->SetQuantized(-100, 300, 23);
   model->AddField(std::move(fieldD));
   auto quantd = model->GetDefaultEntry().GetPtr<double>("quantd");
   auto list = model->MakeField<std::vector<std::int64_t>>("list");
   model->GetMutableField("d32").SetColumnRepresentatives({{split ? Column::kSplitReal32 : Column::kReal32}});
   if (!split) {
      auto plain = [&](const char *name, Column type) { model->GetMutableField(name).SetColumnRepresentatives({{type}}); };
      plain("i2", Column::kInt16); plain("u2", Column::kUInt16); plain("i4", Column::kInt32); plain("u4", Column::kUInt32);
      plain("i8", Column::kInt64); plain("u8", Column::kUInt64); plain("f4", Column::kReal32); plain("f8", Column::kReal64);
      plain("list", Column::kIndex32);
   } else {
      model->GetMutableField("list").SetColumnRepresentatives({{Column::kSplitIndex32}});
   }
   auto file = std::unique_ptr<TFile>(TFile::Open(path, "RECREATE"));
   auto writer = RNTupleWriter::Append(std::move(model), "n", *file, options(compression, 512, 20000));
   for (int i = 0; i < entries; ++i) {
      const std::int64_t n = i % 2 ? -i : i;
      *b = i % 3 == 0; *c = 'a' + i % 26; *byte = std::byte(i); *i1 = n; *u1 = i; *i2 = n * 17; *u2 = i * 17;
      *i4 = n * 70001; *u4 = i * 70001u; *i8 = n * 5000000001LL; *u8 = i * 5000000001ULL; *f4 = i * 0.5f; *f8 = i * 0.1; *d32 = i * 0.1;
      for (auto &f : floats) *f = (i * 37 % 400) * 1.0f - 100 + 0.5f * (i % 2);
      *quantd = (i * 37 % 400) - 100.0;
      list->assign(i % 5, n);
      writer->Fill();
      if (i % 700 == 699) writer->CommitCluster(i == 699);
   }
}

void nested(const char *path, int compression, int entries)
{
   auto model = RNTupleModel::Create();
   auto s = model->MakeField<std::string>("s");
   auto vf = model->MakeField<std::vector<float>>("vf");
   auto vvi = model->MakeField<std::vector<std::vector<std::int32_t>>>("vvi");
   auto vvvs = model->MakeField<std::vector<std::vector<std::vector<std::int16_t>>>>("vvvs");
   auto vs = model->MakeField<std::vector<std::string>>("vs");
   auto vvs = model->MakeField<std::vector<std::vector<std::string>>>("vvs");
   auto vb = model->MakeField<std::vector<bool>>("vb");
   auto a3 = model->MakeField<std::array<double, 3>>("a3");
   auto a23 = model->MakeField<std::array<std::array<float, 3>, 2>>("a23");
   auto av = model->MakeField<std::array<std::vector<float>, 2>>("av");
   auto va = model->MakeField<std::vector<std::array<std::int32_t, 2>>>("va");
   auto ab = model->MakeField<std::array<bool, 5>>("ab");
   auto as = model->MakeField<std::array<std::string, 2>>("as");
   auto rvec = model->MakeField<ROOT::RVec<float>>("rvec");
   auto rvecs = model->MakeField<ROOT::RVec<ROOT::RVec<int>>>("rvecs");
   auto opt = model->MakeField<std::optional<float>>("opt");
   auto vopt = model->MakeField<std::vector<std::optional<std::int32_t>>>("vopt");
   auto unique = model->MakeField<std::unique_ptr<std::int32_t>>("unique");
   auto set = model->MakeField<std::set<std::int32_t>>("set");
   auto map = model->MakeField<std::map<std::string, float>>("map");
   auto pair = model->MakeField<std::pair<std::int32_t, float>>("pair");
   auto tuple = model->MakeField<std::tuple<std::int32_t, float, std::string>>("tuple");
   auto vpair = model->MakeField<std::vector<std::pair<float, std::int32_t>>>("vpair");
   auto bits = model->MakeField<std::bitset<19>>("bits");
   auto vbits = model->MakeField<std::vector<std::bitset<3>>>("vbits");
   auto variant = model->MakeField<std::variant<float, std::int32_t>>("variant");
   auto atomic = model->MakeField<std::atomic<std::int32_t>>("atomic");
   auto colour = model->MakeField<Colour>("colour");
   auto colours = model->MakeField<std::vector<Colour>>("colours");
   auto track = model->MakeField<Track>("track");
   auto event = model->MakeField<Event>("event");
   auto events = model->MakeField<std::vector<Event>>("events");
   auto file = std::unique_ptr<TFile>(TFile::Open(path, "RECREATE"));
   auto dir = file->mkdir("dir");
   auto writer = RNTupleWriter::Append(std::move(model), "n", *dir, options(compression, 256, 20000));
   auto fill = [](Track &t, int i) {
      t.Base::x = i; t.Other::x = i * 0.1; t.x = i * 0.2; t.common = i + 0.5f; t.pt = i * 2; t.hits.assign(i % 3, i);
   };
   auto fillEvent = [&](Event &e, int i) {
      e.number = i; e.tracks.resize(i % 4); for (auto &t : e.tracks) fill(t, i + int(&t - &e.tracks[0]));
      fill(e.best, i); e.label = std::string(i % 7, 'x');
   };
   for (int i = 0; i < entries; ++i) {
      *s = std::string(i % 11, 'a' + i % 26);
      vf->assign(i % 4, i * 0.5f);
      vvi->assign(i % 3, std::vector<std::int32_t>(i % 5, i));
      vvvs->assign(i % 3, std::vector<std::vector<std::int16_t>>(i % 2 + 1, std::vector<std::int16_t>(i % 4, i)));
      vs->assign(i % 3, *s); vvs->assign(i % 2, *vs); vb->assign(i % 10, i % 3 == 0);
      *a3 = {i * 1.0, i * 2.0, i * 3.0};
      for (int j = 0; j < 6; ++j) (*a23)[j / 3][j % 3] = i + j * 0.1f;
      (*av)[0].assign(i % 3, i); (*av)[1].assign(i % 2, -i);
      va->assign(i % 3, {i, -i});
      for (int j = 0; j < 5; ++j) (*ab)[j] = (i + j) % 3 == 0;
      *as = {*s, "second"};
      rvec->assign(i % 4, i); rvecs->assign(i % 3, ROOT::RVec<int>(i % 2, i));
      if (i % 3) *opt = i; else *opt = std::nullopt;
      vopt->assign(i % 4, std::nullopt); if (i % 4 > 1) (*vopt)[1] = i;
      if (i % 2) *unique = std::make_unique<std::int32_t>(i); else unique->reset();
      set->clear(); map->clear();
      for (int j = 0; j < i % 4; ++j) { set->insert(i * j); (*map)[std::string(j, 'k')] = i + j; }
      *pair = {i, i * 0.5f}; *tuple = {i, i * 0.25f, *s}; vpair->assign(i % 3, {i * 0.5f, i});
      *bits = i * 2654435761u; vbits->assign(i % 3, std::bitset<3>(i));
      if (i % 2) *variant = 0.5f * i; else *variant = i;
      *atomic = i; *colour = i % 2 ? Colour::kRed : Colour::kBlue; colours->assign(i % 3, *colour);
      fill(*track, i); fillEvent(*event, i);
      events->resize(i % 3); for (auto &e : *events) fillEvent(e, i + 1);
      writer->Fill();
      if (i % 40 == 39) writer->CommitCluster(i == 79);
   }
}

// untyped collections and records with projections, as NanoAOD has, and fields that were added while writing
void projected(const char *path, int compression, int entries)
{
   auto model = RNTupleModel::Create();
   model->SetDescription("collections with projections");
   std::vector<std::unique_ptr<ROOT::RFieldBase>> members;
   members.push_back(std::make_unique<ROOT::RField<float>>("pt"));
   members.back()->SetDescription("transverse momentum");
   members.push_back(std::make_unique<ROOT::RField<std::int32_t>>("charge"));
   members.push_back(std::make_unique<ROOT::RField<std::vector<std::uint8_t>>>("ids"));
   auto item = std::make_unique<ROOT::RRecordField>("_0", std::move(members));
   auto muons = ROOT::RVectorField::CreateUntyped("Muon", std::move(item));
   muons->SetDescription("muons");
   model->AddField(std::move(muons));
   model->AddProjectedField(std::make_unique<ROOT::RField<std::vector<float>>>("Muon_pt"), ofMuonPt);
   model->AddProjectedField(std::make_unique<ROOT::RField<ROOT::RNTupleCardinality<std::uint32_t>>>("nMuon"), ofMuon);
   model->AddProjectedField(std::make_unique<ROOT::RField<ROOT::RNTupleCardinality<std::uint64_t>>>("nMuon64"), ofMuon);
   model->MakeField<std::uint32_t>("run");
   auto writer = RNTupleWriter::Recreate(std::move(model), "Events", path, options(compression, 128, 20000));
   auto entry = writer->CreateEntry();
   auto muon = writer->GetModel().GetConstField("Muon").GetConstSubfields().front();
   if (muon->GetValueSize() != sizeof(Muon)) throw std::runtime_error("layout of the untyped record");
   auto runOfEntry = entry->GetPtr<std::uint32_t>("run");
   std::vector<Muon> buffer;
   entry->BindRawPtr("Muon", (void *)&buffer);
   for (int i = 0; i < entries; ++i) {
      buffer.clear();
      for (int j = 0; j < i % 4; ++j) buffer.push_back({i * 0.5f + j, j % 2 ? -1 : 1, std::vector<std::uint8_t>(i % 3, j)});
      *runOfEntry = i;
      writer->Fill(*entry);
      if (i % 50 == 49) writer->CommitCluster(i == 99);
   }
}

void extended(const char *path, int compression, int entries)
{
   auto model = RNTupleModel::Create();
   auto x = model->MakeField<float>("x");
   auto writer = RNTupleWriter::Recreate(std::move(model), "n", path, options(compression, 128, 20000));
   std::shared_ptr<std::int32_t> late;
   std::shared_ptr<std::vector<float>> list;
   std::shared_ptr<std::string> text;
   std::shared_ptr<std::array<std::int16_t, 3>> array;
   std::shared_ptr<bool> flag;
   std::shared_ptr<Track> track;
   for (int i = 0; i < entries; ++i) {
      if (i == 77) {
         auto updater = writer->CreateModelUpdater();
         updater->BeginUpdate();
         late = updater->MakeField<std::int32_t>("late");
         list = updater->MakeField<std::vector<float>>("list");
         text = updater->MakeField<std::string>("text");
         array = updater->MakeField<std::array<std::int16_t, 3>>("array");
         flag = updater->MakeField<bool>("flag");
         track = updater->MakeField<Track>("track");
         updater->AddProjectedField(std::make_unique<ROOT::RField<ROOT::RNTupleCardinality<std::uint32_t>>>("nlist"), ofList);
         updater->CommitUpdate();
      }
      *x = i;
      if (late) { *late = -i; list->assign(i % 3, i); *text = std::string(i % 5, 'z'); *array = {std::int16_t(i), 1, 2}; *flag = true; track->pt = i; track->hits.assign(i % 2, i); }
      writer->Fill();
      if (i % 50 == 49) writer->CommitCluster(i == 49);
   }
}

// columns that change their representation from cluster to cluster; with blocks stored in pieces
void represented(const char *path, int compression, int entries, std::uint64_t piece)
{
   auto model = RNTupleModel::Create();
   auto add = [&](auto field, std::vector<std::vector<Column>> representations) {
      field->SetColumnRepresentatives(representations);
      model->AddField(std::move(field));
   };
   add(std::make_unique<ROOT::RField<float>>("f4"), {{Column::kSplitReal32}, {Column::kReal16}, {Column::kReal32}});
   add(std::make_unique<ROOT::RField<double>>("f8"), {{Column::kReal32}, {Column::kSplitReal64}});
   add(std::make_unique<ROOT::RField<std::string>>("s"), {{Column::kIndex32, Column::kChar}, {Column::kSplitIndex64, Column::kChar}});
   auto list = std::make_unique<ROOT::RField<std::vector<std::int32_t>>>("list");
   list->SetColumnRepresentatives({{Column::kSplitIndex64}, {Column::kIndex32}});
   model->AddField(std::move(list));
   auto f4 = model->GetDefaultEntry().GetPtr<float>("f4");
   auto f8 = model->GetDefaultEntry().GetPtr<double>("f8");
   auto s = model->GetDefaultEntry().GetPtr<std::string>("s");
   auto v = model->GetDefaultEntry().GetPtr<std::vector<std::int32_t>>("list");
   auto o = options(compression, 4096, 200000);
   if (piece) ROOT::Internal::RNTupleWriteOptionsManip::SetMaxKeySize(o, piece);
   auto writer = RNTupleWriter::Recreate(std::move(model), "n", path, o);
   for (int i = 0; i < entries; ++i) {
      *f4 = i % 1000; *f8 = i * 0.5; *s = std::string(i % 7, 'a' + i % 26); v->assign(i % 4, -i);
      writer->Fill();
      if (i % 400 == 399) {
         writer->CommitCluster(i == 799);
         for (const char *name : {"f4", "f8", "s", "list"}) {
            auto &field = const_cast<ROOT::RFieldBase &>(writer->GetModel().GetConstField(name));
            int n = field.GetColumnRepresentatives().size();
            ROOT::Internal::RFieldRepresentationModifier::SetPrimaryColumnRepresentation(field, (i / 400 + 1) % n);
         }
      }
   }
}

// a streamed object, and nothing else than it
void streamed(const char *path)
{
   auto model = RNTupleModel::Create();
   model->AddField(std::make_unique<ROOT::RStreamerField>("track", "Track"));
   auto i4 = model->MakeField<std::int32_t>("i4");
   auto writer = RNTupleWriter::Recreate(std::move(model), "n", path);
   for (int i = 0; i < 10; ++i) { *i4 = i; writer->Fill(); }
}

void empty(const char *path)
{
   auto file = std::unique_ptr<TFile>(TFile::Open(path, "RECREATE"));
   { auto model = RNTupleModel::Create(); model->MakeField<float>("x"); model->MakeField<std::vector<std::string>>("v"); RNTupleWriter::Append(std::move(model), "none", *file); }
   { auto model = RNTupleModel::Create(); RNTupleWriter::Append(std::move(model), "nothing", *file); }
}
""")

COMPRESSIONS = {"stored": 0, "zlib": 101, "lzma": 207, "lz4": 404, "zstd": 505}
for name, compression in COMPRESSIONS.items():
    ROOT.numbers(str(OUT / f"ntuple_numbers_{name}.root"), compression, 3000, True)
    ROOT.nested(str(OUT / f"ntuple_nested_{name}.root"), compression, 200)
    ROOT.projected(str(OUT / f"ntuple_projected_{name}.root"), compression, 500)
    ROOT.extended(str(OUT / f"ntuple_extended_{name}.root"), compression, 300)
ROOT.numbers(str(OUT / "ntuple_numbers_plain.root"), 505, 3000, False)
ROOT.streamed(str(OUT / "ntuple_streamed.root"))
ROOT.empty(str(OUT / "ntuple_empty.root"))
ROOT.numbers(str(SMALL / "ntuple_numbers.root"), 505, 800, True)
ROOT.numbers(str(SMALL / "ntuple_plain.root"), 0, 150, False)
ROOT.nested(str(SMALL / "ntuple_nested.root"), 101, 60)
ROOT.projected(str(SMALL / "ntuple_projected.root"), 404, 120)
ROOT.extended(str(SMALL / "ntuple_extended.root"), 207, 120)
# not read by uproot 5.7: the tests of recoil-root know what is in it
ROOT.represented(str(SMALL / "ntuple_represented.root"), 505, 1300, 160)

# RDataFrame, as analysts write
snapshot = ROOT.RDF.RSnapshotOptions()
snapshot.fOutputFormat = ROOT.RDF.ESnapshotOutputFormat.kRNTuple
df = ROOT.RDataFrame(5000).Define("n", "(int)(rdfentry_ % 7)").Define("v", "ROOT::RVec<float>(n, 1.5f)").Define("flag", "n > 3")
df.Snapshot("t", str(OUT / "ntuple_rdf.root"), ["n", "v", "flag"], snapshot)

# uproot
rng = np.random.default_rng(5)
counts = rng.integers(0, 8, 3000)
jagged = ak.unflatten(rng.normal(size=counts.sum()).astype("f4"), counts)
inner = ak.unflatten(rng.integers(0, 9, 5000), rng.multinomial(5000, [1 / counts.sum()] * int(counts.sum())))
columns = {t: rng.integers(0, 100, 3000).astype(t) for t in ("bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")}
columns |= {
    "jagged": jagged,
    "wide": ak.values_astype(jagged, "i8"),
    "lists": ak.unflatten(inner, counts),
    "fixed": rng.normal(size=(3000, 3)),
    "fixed2": rng.normal(size=(3000, 2, 3)).astype("f4"),
    "text": np.array(["a" * (i % 5) for i in range(3000)]),
    "p": ak.zip({"pt": jagged, "charge": ak.values_astype(jagged > 0, "i4")}),
    "record": ak.Array({"x": rng.normal(size=3000), "y": columns["i4"]}),
}


def write(path, compression, n, times=3):
    with uproot.recreate(path, compression=compression) as file:
        batch = {name: ak.Array(column)[:n] for name, column in columns.items()}
        file["t"] = batch
        ntuple = file.mkrntuple("dir/again", ak.Array({k: v for k, v in batch.items() if k != "text"}), "in parts")
        for _ in range(times):
            ntuple.extend(ak.Array({k: v for k, v in batch.items() if k != "text"}))


for name, compression in {"stored": None, "zlib": uproot.ZLIB(1), "lzma": uproot.LZMA(1), "lz4": uproot.LZ4(4), "zstd": uproot.ZSTD(5)}.items():
    write(OUT / f"ntuple_uproot_{name}.root", compression, 3000)
write(SMALL / "ntuple_uproot.root", uproot.ZSTD(5), 40, 2)
