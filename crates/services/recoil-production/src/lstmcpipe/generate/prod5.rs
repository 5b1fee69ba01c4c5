//! Productions of prod5: one pointing, gammas on axis and at the wobble offset, diffuse gammas, protons, electrons.

use super::tree::local;
use super::{Class, Item, Request, Stages, StepItem, map, step, with, word};
use crate::lstmcpipe::stage::Stage;

const OFFSETS: [&str; 2] = ["off0.0deg", "off0.4deg"];
const IRF_OPTIONS: &str = "--gh-efficiency 0.7 --theta-containment 0.7 --energy-dependent-gh --energy-dependent-theta ";

/// Particles with the offsets of point-like gammas; empty offsets for the others.
fn sets(order: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    let of = |particle: &'static str| match particle {
        "gamma" => OFFSETS.map(|offset| (particle, offset)).to_vec(),
        _ => vec![(particle, "")],
    };
    order.iter().flat_map(|particle| of(particle)).collect()
}

pub(super) fn stages(request: &Request, warnings: &mut Vec<String>) -> Stages {
    let prod5 = Prod5 { request };
    let testing = sets(&["gamma", "electron", "proton", "gamma-diffuse"]);
    let mut stages: Stages = Vec::new();
    if request.class == Class::Prod5Trans80DL1ab {
        stages.push((Stage::Dl1ab, prod5.dl1ab(warnings)));
    } else {
        let all = sets(&["gamma", "proton", "electron", "gamma-diffuse"]);
        let dl1 = |&(particle, offset): &(&str, &str)| {
            step(word(prod5.raw(particle, offset)), word(prod5.dir("DL1", particle, offset)))
        };
        stages.push((Stage::R0ToDl1, all.iter().map(dl1).collect()));
        let split = |&(particle, offset): &(&str, &str)| {
            let half = |name: &str| word(format!("{}/{name}", prod5.half_dir(particle, offset)));
            step(word(prod5.dir("DL1", particle, offset)), map(&[("train", half("train")), ("test", half("test"))]))
        };
        stages.push((Stage::TrainTestSplit, all.iter().map(split).collect()));
        stages.push((Stage::MergeDl1, prod5.merges(&testing)));
    }
    let merged = |particle: &str, half: &str| word(prod5.merged(&request.prod_id, particle, "", half));
    let forests = map(&[("gamma", merged("gamma-diffuse", "train")), ("proton", merged("proton", "train"))]);
    stages.push((Stage::TrainPipe, vec![step(forests, word(prod5.models()))]));
    let dl2 = |&(particle, offset): &(&str, &str)| -> StepItem {
        vec![
            ("input".into(), word(prod5.merged(&request.prod_id, particle, offset, "test"))),
            ("path_model".into(), word(prod5.models())),
            ("output".into(), word(prod5.dir("DL2", particle, offset))),
        ]
    };
    stages.push((Stage::Dl1ToDl2, testing.iter().map(dl2).collect()));
    let sensitivity = OFFSETS.map(|offset| step(prod5.dl2_files("gamma", offset), prod5.result("sensitivity", offset)));
    stages.push((Stage::Dl2ToSensitivity, sensitivity.to_vec()));
    let irf = |particle: &str, offset: &str, options: String| {
        let step = step(prod5.dl2_files(particle, offset), prod5.result("irf", offset));
        with(step, &[("options", word(options))])
    };
    let mut irfs = vec![irf("gamma-diffuse", "diffuse", IRF_OPTIONS.into())];
    irfs.extend(OFFSETS.map(|offset| irf("gamma", offset, format!("{IRF_OPTIONS} --point-like"))));
    stages.push((Stage::Dl2ToIrfs, irfs));
    stages
}

struct Prod5<'a> {
    request: &'a Request,
}

impl Prod5<'_> {
    fn of(&self, level: &str, particle: &str, prod: &str, offset: &str) -> String {
        let zenith = &self.request.zenith;
        let mut path = format!("/fefs/aswg/data/mc/{level}/20200629_prod5_trans_80/{particle}/{zenith}/south_pointing");
        for part in [prod, if particle == "gamma" { offset } else { "" }] {
            if !part.is_empty() {
                path.push('/');
                path.push_str(part);
            }
        }
        path
    }

    fn raw(&self, particle: &str, offset: &str) -> String {
        self.of("DL0", particle, "", offset)
    }

    fn dir(&self, level: &str, particle: &str, offset: &str) -> String {
        self.of(level, particle, &self.request.prod_id, offset)
    }

    /// The offset whose files are used: lstmcpipe takes those of the wobble offset for both.
    fn own<'o>(&self, offset: &'o str) -> &'o str {
        if self.request.as_lstmcpipe { "off0.4deg" } else { offset }
    }

    /// Where the halves of the DL1 files lie.
    fn half_dir(&self, particle: &str, offset: &str) -> String {
        self.dir("DL1", particle, self.own(offset))
    }

    fn merged(&self, prod: &str, particle: &str, offset: &str, half: &str) -> String {
        format!("{}/dl1_{particle}_{prod}_{half}.h5", self.of("DL1", particle, prod, offset))
    }

    fn models(&self) -> String {
        let (zenith, prod) = (&self.request.zenith, &self.request.prod_id);
        format!("/fefs/aswg/data/models/20200629_prod5_trans_80/{zenith}/south_pointing/{prod}")
    }

    fn merges(&self, testing: &[(&str, &str)]) -> Vec<StepItem> {
        let prod = &self.request.prod_id;
        let merge = |particle: &str, offset: &str, half: &str| {
            let input = format!("{}/{half}", self.half_dir(particle, offset));
            step(word(input), word(self.merged(prod, particle, offset, half)))
        };
        let training = ["gamma-diffuse", "proton"];
        let no_image = [("options", word("--no-image"))];
        let mut steps: Vec<StepItem> =
            training.iter().map(|particle| with(merge(particle, "", "train"), &no_image)).collect();
        steps.extend(testing.iter().map(|(particle, offset)| merge(particle, offset, "test")));
        steps
    }

    fn dl1ab(&self, warnings: &mut Vec<String>) -> Vec<StepItem> {
        let source = self.request.source_prod_id.clone().unwrap_or_default();
        let mut steps = Vec::new();
        for half in ["train", "test"] {
            for (particle, offset) in sets(&["proton", "gamma-diffuse", "electron", "gamma"]) {
                let input = self.merged(&source, particle, offset, half);
                if self.request.run_checker && !local(self.request, &input).exists() {
                    warnings.push(format!("{input} does not exist; it is left out"));
                    continue;
                }
                steps.push(step(word(input), word(self.dir("DL1", particle, offset))));
            }
        }
        steps
    }

    /// DL2 files of gammas, protons and electrons.
    fn dl2_files(&self, gammas: &str, offset: &str) -> Item {
        let prod = &self.request.prod_id;
        let file = |particle: &str| {
            let directory = self.dir("DL2", particle, self.own(offset));
            word(format!("{directory}/dl2_{particle}_{prod}_test.h5"))
        };
        map(&[("gamma_file", file(gammas)), ("proton_file", file("proton")), ("electron_file", file("electron"))])
    }

    fn result(&self, what: &str, offset: &str) -> Item {
        let (zenith, prod) = (&self.request.zenith, &self.request.prod_id);
        let directory =
            format!("/fefs/aswg/data/mc/IRF/20200629_prod5_trans_80/{zenith}/south_pointing/{prod}/{offset}");
        word(format!("{directory}/{what}_{prod}_{offset}.fits.gz"))
    }
}
