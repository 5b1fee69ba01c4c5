//! Truth of CMS elements against the reference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_pflow::data::transform::{correct, log_ratio};
use recoil_pflow::data::{Event, Layout, Particle, Target, classes};
use recoil_pflow::truth::cms::{self, CmsEvent, Element, Simulated};
use recoil_pflow::truth::{Link, TrueParticle, cms_2020};
use recoil_physics::momentum::FourMomentum;
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = format!("{}/../../../testdata/golden/pflow/{name}", env!("CARGO_MANIFEST_DIR"));
    // numbers that are missing stand as NaN, which JSON does not know
    let text = std::fs::read_to_string(path).unwrap().replace("NaN", "null");
    serde_json::from_str(&text).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn links(value: &Value) -> Vec<Link> {
    let [a, b, w] = [0, 1, 2].map(|i| numbers(&value[i]));
    a.iter().zip(&b).zip(&w).map(|((a, b), w)| Link::new(*a as usize, *b as usize, *w)).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * b.abs().max(1.0)
}

#[test]
fn graph_and_table_of_the_present_rules() {
    let all = golden("post_cms_example.json");
    let (inp, out) = (&all["inp"], &all["out"]);
    let column = |group: &str, name: &str| numbers(&inp[group][name]);
    let [kind, pt, energy, eta, phi] = ["type", "pt", "energy", "eta", "phi"].map(|name| column("elements", name));
    let (pt_of_elements, eta_of_elements, energy_of_elements) = (pt.clone(), eta.clone(), energy.clone());
    let elements: Vec<Element> = (0..kind.len())
        .map(|i| Element { kind: kind[i] as i32, pt: pt[i], eta: eta[i], phi: phi[i], energy: energy[i] })
        .collect();
    let simulated = |prefix: &str, with_charge: bool| -> Vec<Simulated> {
        let get = |name: &str| column("particles", &format!("{prefix}_{name}"));
        let (pid, pt, eta, phi, energy) = (get("pid"), get("pt"), get("eta"), get("phi"), get("energy"));
        let tracking = get("idx_trackingparticle");
        let index = |value: f64| (value >= 0.0).then_some(value as u32);
        (0..pid.len())
            .map(|i| Simulated {
                particle: TrueParticle {
                    pdg: pid[i] as i32,
                    charge: if with_charge { get("charge")[i] } else { 0.0 },
                    momentum: FourMomentum::from_pt_eta_phi_energy(pt[i], eta[i], phi[i], energy[i]),
                    pileup: if with_charge && get("ev")[i] != 0.0 { 1.0 } else { 0.0 },
                    ..TrueParticle::default()
                },
                tracking: index(tracking[i]),
                calo: if with_charge { None } else { index(get("idx_caloparticle")[i]) },
            })
            .collect()
    };
    let event = CmsEvent {
        elements,
        calo: simulated("caloparticle", true),
        simulated: simulated("simcluster", false),
        tracking_links: links(&inp["links"]["trackingparticle_to_element"]),
        calo_links: links(&inp["links"]["caloparticle_to_element"]),
        simulated_links: links(&inp["links"]["simcluster_to_element"]),
    };

    let expected: Vec<(u32, u32, f64)> = out["edges_after_make_graph"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|edge| edge[0][0] == "cp")
        .map(|edge| {
            let index = |node: &Value| node[1].as_str().unwrap().parse::<u32>().unwrap();
            (index(&edge[0]), index(&edge[1]), number(&edge[2]))
        })
        .collect();
    let found = cms::calo_edges(&event);
    assert_eq!(found.len(), expected.len());
    for (link, (particle, object, weight)) in found.iter().zip(&expected) {
        assert_eq!((link.particle, link.object), (*particle, *object));
        assert!(near(link.weight, *weight), "{link:?} for {weight}");
    }

    let targets = cms::targets(&event);
    let mut compared = 0;
    for (row, target) in targets.iter().take(7).enumerate() {
        let particle = &target.particle;
        let mine: [(&str, f32); 12] = [
            ("pid", particle.pdg as f32),
            ("charge", particle.charge),
            ("pt", particle.pt),
            ("eta", particle.eta),
            ("sin_phi", particle.sin_phi),
            ("cos_phi", particle.cos_phi),
            ("energy", particle.energy),
            ("ispu", target.pileup),
            ("simulatorStatus", target.simulator_status),
            ("cp_to_track", target.to_track),
            ("cp_to_cluster", target.to_cluster),
            ("particle_number", target.number),
        ];
        for (name, value) in mine {
            let expected = number(&out["ytarget"][name][row]);
            assert!(near(value.into(), expected), "{name} of element {row}: {value} for {expected}");
            compared += 1;
        }
    }
    assert_eq!(compared, 84);
    assert_eq!(targets[7], Target::default());

    let get = |name: &str| column("particles", &format!("pfcandidate_{name}"));
    let (pid, pt, eta, phi, energy) = (get("pdgid"), get("pt"), get("eta"), get("phi"), get("energy"));
    let candidates: Vec<Particle> = (0..pid.len())
        .map(|i| {
            let momentum = FourMomentum::from_pt_eta_phi_energy(pt[i], eta[i], phi[i], energy[i]);
            Particle::of(pid[i] as i32, cms_2020::charge(pid[i] as i32), &momentum)
        })
        .collect();
    let pairs: Vec<Link> = numbers(&inp["element_to_candidate"][0])
        .into_iter()
        .zip(numbers(&inp["element_to_candidate"][1]))
        .map(|(element, candidate)| Link::new(candidate as usize, element as usize, 1.0))
        .collect();
    let attached = cms::attach(&event.elements, &candidates, &pairs);
    let mut compared = 0;
    for (row, candidate) in attached.iter().take(7).enumerate() {
        let mine = [
            ("pid", candidate.pdg as f32),
            ("charge", candidate.charge),
            ("pt", candidate.pt),
            ("eta", candidate.eta),
            ("sin_phi", candidate.sin_phi),
            ("cos_phi", if candidate.is_present() { candidate.cos_phi } else { 0.0 }),
            ("energy", candidate.energy),
        ];
        for (name, value) in mine {
            let expected = number(&out["ycand"][name][row]);
            assert!(near(value.into(), expected), "{name} of candidate {row}: {value} for {expected}");
            compared += 1;
        }
    }
    assert_eq!(compared, 49);
    let edges = out["edges_after_make_graph"].as_array().unwrap().iter().filter(|edge| edge[0][0] == "elem");
    let index = |node: &Value| node[1].as_str().unwrap().parse::<u32>().unwrap();
    let expected: Vec<(u32, u32)> = edges.map(|edge| (index(&edge[0]), index(&edge[1]))).collect();
    let mut own: Vec<(u32, u32)> = pairs.iter().map(|link| (link.object, link.particle)).collect();
    own.sort_unstable();
    assert_eq!(own, expected);
    for (name, values) in
        [("typ", &kind), ("pt", &pt_of_elements), ("eta", &eta_of_elements), ("energy", &energy_of_elements)]
    {
        let expected = numbers(&out["X"][name]);
        assert!(values.iter().zip(&expected).all(|(a, b)| near(*a, *b)) && expected.len() == 7, "{name}");
    }
}

#[test]
fn graph_and_table_of_the_first_rules() {
    let all = golden("post_cms_2020.json");
    let (inp, out) = (&all["inp"], &all["out"]);
    let list = |name: &str| inp[name].as_array().unwrap();
    let elements: Vec<Element> = list("elements")
        .iter()
        .map(|e| Element {
            kind: number(&e["typ"]) as i32,
            pt: number(&e["pt"]),
            eta: number(&e["eta"]),
            phi: number(&e["phi"]),
            energy: number(&e["e"]),
        })
        .collect();
    let momentum = |p: &Value| {
        FourMomentum::from_pt_eta_phi_energy(number(&p["pt"]), number(&p["eta"]), number(&p["phi"]), number(&p["e"]))
    };
    let particles: Vec<TrueParticle> = list("particles")
        .iter()
        .map(|p| TrueParticle { pdg: number(&p["pid"]) as i32, momentum: momentum(p), ..TrueParticle::default() })
        .collect();
    let place = |kind: &str, index: f64| {
        list("particles").iter().position(|p| p["kind"] == kind && number(&p["idx"]) == index).unwrap()
    };
    let name = |place: usize| {
        let p = &list("particles")[place];
        (p["kind"].as_str().unwrap().to_owned(), number(&p["idx"]) as usize)
    };
    let links: Vec<Link> = list("edges")
        .iter()
        .map(|e| Link::new(place(e[0].as_str().unwrap(), number(&e[1])), number(&e[2]) as usize, number(&e[3])))
        .collect();
    let clean = cms_2020::clean(&elements, &particles, &links);
    let mut found: Vec<(String, usize, usize, String)> = clean
        .iter()
        .map(|link| {
            let (kind, index) = name(link.particle as usize);
            (kind, index, link.object as usize, format!("{:.4}", link.weight))
        })
        .collect();
    found.sort();
    let mut expected: Vec<(String, usize, usize, String)> = out["edges"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e[0] != "elem")
        .map(|e| {
            let weight = format!("{:.4}", number(&e[4]));
            (e[0].as_str().unwrap().to_owned(), number(&e[1]) as usize, number(&e[3]) as usize, weight)
        })
        .collect();
    expected.sort();
    assert_eq!(found, expected);

    let mut compared = 0;
    for (row, target) in cms_2020::targets(&elements, &particles, &links).into_iter().enumerate() {
        let (class, p) = target.unwrap_or_default();
        let mine =
            [("pt", p.pt()), ("e", p.energy), ("px", p.px), ("py", p.py), ("pz", p.pz), ("typ", f64::from(class))];
        for (name, value) in mine {
            let expected = number(&out["ygen"][name][row]);
            assert!(near(value, expected), "{name} of element {row}: {value} for {expected}");
            compared += 1;
        }
        if target.is_some() {
            assert_eq!(cms_2020::charge(class), number(&out["ygen"]["charge"][row]));
            assert!(near(p.eta(), number(&out["ygen"]["eta"][row])) && near(p.phi(), number(&out["ygen"]["phi"][row])));
        }
    }
    assert_eq!(compared, 48);

    let candidates: Vec<Particle> =
        list("candidates").iter().map(|c| Particle::of(number(&c["pid"]) as i32, 0.0, &momentum(c))).collect();
    let candidate_links: Vec<Link> = list("candidates")
        .iter()
        .enumerate()
        .flat_map(|(i, c)| numbers(&c["elements"]).into_iter().map(move |e| Link::new(i, e as usize, 1.0)))
        .collect();
    let attached = cms_2020::attach(&elements, &candidates, &candidate_links);
    for (row, place) in attached.iter().enumerate() {
        let candidate = place.map(|place| candidates[place]).unwrap_or_default();
        let class = candidate.pdg;
        let phi = if class == 0 { 0.0 } else { candidate.sin_phi.atan2(candidate.cos_phi) };
        let mine = [
            ("typ", class as f32),
            ("pt", candidate.pt),
            ("eta", candidate.eta),
            ("phi", phi),
            ("e", candidate.energy),
            ("charge", cms_2020::charge(class) as f32),
        ];
        for (name, value) in mine {
            let expected = number(&out["ycand"][name][row]);
            assert!(near(value.into(), expected), "{name} of the candidate of element {row}: {value} for {expected}");
        }
    }
    for (links, name) in [(&candidate_links, "dm_elem_cand"), (&clean, "dm_elem_gen")] {
        let mut matrix = vec![vec![0.0; elements.len()]; elements.len()];
        for (a, b) in cms_2020::sharing(links) {
            matrix[a as usize][b as usize] = 1.0;
            matrix[b as usize][a as usize] = 1.0;
        }
        let expected: Vec<Vec<f64>> = out[name].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(matrix, expected, "{name}");
    }
}

#[test]
fn classes_and_logarithms_of_the_loader() {
    let all = golden("loader_cms_transform.json");
    let (inp, out) = (&all["inp"], &all["out"]);
    let get = |name: &str| numbers(&inp[name]);
    let (kind, class) = (get("elem_type"), get("cls"));
    let (pt, eta, energy) = (get("pt"), get("eta"), get("e"));
    let (target_pt, target_energy) = (get("target_pt"), get("target_e"));
    let mut event = Event::default();
    for i in 0..kind.len() {
        let mut row = vec![0.0f32; 55];
        (row[0], row[1], row[2], row[5]) = (kind[i] as f32, pt[i] as f32, eta[i] as f32, energy[i] as f32);
        event.features.extend(row);
        let pdg = classes::CMS[class[i] as usize];
        let particle =
            Particle { pdg, pt: target_pt[i] as f32, energy: target_energy[i] as f32, ..Particle::default() };
        event.targets.push(Target { particle, ..Target::default() });
    }
    correct(&mut event, Layout::Cms);
    for (i, (row, target)) in event.rows(Layout::Cms).zip(&event.targets).enumerate() {
        let index = classes::CMS.iter().position(|pdg| *pdg == target.particle.pdg).unwrap();
        assert_eq!(index as f64, number(&out["cls"][i]), "class of {i}");
        assert!(near(row.pt(), number(&out["X_pt"][i])), "pt of {i}");
        let log = |target: f32, element: f64| f64::from(log_ratio(target, element as f32));
        assert!(near(log(target.particle.pt, row.pt()), number(&out["log_pt"][i])), "log pt of {i}");
        assert!(near(log(target.particle.energy, row.energy()), number(&out["log_e"][i])), "log energy of {i}");
    }
}
