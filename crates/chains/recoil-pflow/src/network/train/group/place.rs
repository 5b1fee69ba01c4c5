//! The place of a process among those that train together.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{PflowError, Result};

/// Who says which process this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Launcher {
    /// The keys `size`, `rank` and `address`.
    #[default]
    Keys,
    /// `srun`: `SLURM_NTASKS` and `SLURM_PROCID`; process 0 runs on the first node of the step, on a port that follows from
    /// the number of the job.
    Slurm,
    /// `mpirun` of Open MPI or a program that speaks PMI (`OMPI_COMM_WORLD_SIZE` and `_RANK`, or `PMI_SIZE` and `PMI_RANK`);
    /// `address` must be given.
    Mpi,
    /// `WORLD_SIZE`, `RANK`, `MASTER_ADDR` and `MASTER_PORT`, as trainings in PyTorch have them.
    Environment,
}

/// Processes that train one network together. Each reads the same events with the same settings; process 0 writes the
/// outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupConfig {
    /// Who says which process this is.
    pub launcher: Launcher,
    /// Number of processes; 1 trains alone.
    pub size: usize,
    /// Number of this process, from 0.
    pub rank: usize,
    /// Host and port on which process 0 listens; empty for what the launcher says. Who reaches the port can disturb the
    /// training: it belongs into a network of one's own.
    pub address: String,
    /// Seconds that processes wait for each other at the start.
    pub wait: f64,
    /// Seconds of silence after which a process is taken for lost.
    pub timeout: f64,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self { launcher: Launcher::default(), size: 1, rank: 0, address: String::new(), wait: 600.0, timeout: 60.0 }
    }
}

/// The place of this process.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// number of processes
    pub size: usize,
    /// number of this one
    pub rank: usize,
    /// host and port of process 0
    pub address: String,
    /// how long processes wait for each other at the start
    pub wait: Duration,
    /// silence after which one is lost
    pub timeout: Duration,
}

impl Place {
    /// Where process 0 listens: only to this machine if the address says so.
    pub(super) fn listen(&self) -> String {
        let (host, port) = self.address.rsplit_once(':').unwrap_or((&self.address, "0"));
        match host {
            "localhost" => format!("127.0.0.1:{port}"),
            _ if host.starts_with("127.") || host == "[::1]" => self.address.clone(),
            _ if host.starts_with('[') => format!("[::]:{port}"),
            _ => format!("0.0.0.0:{port}"),
        }
    }
}

impl GroupConfig {
    /// The place of this process, by the environment variables where the launcher sets them.
    ///
    /// # Errors
    /// Variables or keys that are missing or make no sense.
    pub fn place(&self) -> Result<Place> {
        self.place_in(|name| std::env::var(name).ok())
    }

    fn place_in(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Place> {
        let fault = |key: &str, reason: String| PflowError::config(format!("group.{key}"), reason);
        let number = |names: &[&str]| -> Result<usize> {
            let found = names.iter().find_map(|name| Some((*name, variable(name)?)));
            let Some((name, text)) = found else {
                let reason = format!("the environment variable {} is not set", names.join(" or "));
                return Err(fault("launcher", reason));
            };
            text.parse().map_err(|_| fault("launcher", format!("{name} is '{text}', not a number")))
        };
        let (size, rank) = match self.launcher {
            Launcher::Keys => (self.size, self.rank),
            Launcher::Slurm => (number(&["SLURM_NTASKS"])?, number(&["SLURM_PROCID"])?),
            Launcher::Mpi => {
                (number(&["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])?, number(&["OMPI_COMM_WORLD_RANK", "PMI_RANK"])?)
            }
            Launcher::Environment => (number(&["WORLD_SIZE"])?, number(&["RANK"])?),
        };
        if rank >= size {
            return Err(fault("rank", format!("is {rank}; of {size} processes the last one is {}", size.max(1) - 1)));
        }
        let told = match self.launcher {
            Launcher::Keys | Launcher::Mpi => None,
            Launcher::Slurm => {
                let nodes = variable("SLURM_STEP_NODELIST").or_else(|| variable("SLURM_JOB_NODELIST"));
                let job = number(&["SLURM_JOB_ID"]).unwrap_or(0);
                nodes.map(|nodes| format!("{}:{}", first_node(&nodes), 20_000 + job % 10_000))
            }
            Launcher::Environment => variable("MASTER_ADDR").zip(variable("MASTER_PORT")).map(|(host, port)| {
                if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
            }),
        };
        let address = if self.address.is_empty() { told.unwrap_or_default() } else { self.address.clone() };
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if size > 1 && port.is_none_or(|port| port == 0) {
            return Err(fault("address", format!("is '{address}', not HOST:PORT of process 0")));
        }
        let seconds = |key: &str, value: f64| match Duration::try_from_secs_f64(value) {
            Ok(duration) if value >= 0.1 => Ok(duration),
            _ => Err(fault(key, "is a time of at least 0.1 seconds".into())),
        };
        Ok(Place { size, rank, address, wait: seconds("wait", self.wait)?, timeout: seconds("timeout", self.timeout)? })
    }
}

/// The first of Slurm's nodes, written as `a1`, `a1,b2` or `a[01-03,7],b2`.
fn first_node(nodes: &str) -> String {
    let Some((prefix, rest)) = nodes.split_once('[').filter(|(prefix, _)| !prefix.contains(',')) else {
        return nodes.split(',').next().unwrap_or_default().to_owned();
    };
    let (numbers, behind) = rest.split_once(']').unwrap_or((rest, ""));
    let number = numbers.split([',', '-']).next().unwrap_or_default();
    format!("{prefix}{number}{}", behind.split(',').next().unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn place(launcher: Launcher, variables: &[(&str, &str)], address: &str) -> Result<Place> {
        let config = GroupConfig { launcher, address: address.into(), ..GroupConfig::default() };
        config.place_in(|name| Some(variables.iter().find(|(own, _)| *own == name)?.1.to_owned()))
    }

    #[test]
    fn launchers_say_who_is_who() {
        let slurm = [
            ("SLURM_NTASKS", "4"),
            ("SLURM_PROCID", "2"),
            ("SLURM_JOB_NODELIST", "gpu[07-08,12],cpu1"),
            ("SLURM_JOB_ID", "123456"),
        ];
        let found = place(Launcher::Slurm, &slurm, "").unwrap();
        assert_eq!((found.size, found.rank, found.address.as_str()), (4, 2, "gpu07:23456"));
        assert_eq!(place(Launcher::Slurm, &slurm, "head:99").unwrap().address, "head:99");
        let torch = [("WORLD_SIZE", "2"), ("RANK", "1"), ("MASTER_ADDR", "fe80::1"), ("MASTER_PORT", "29500")];
        assert_eq!(place(Launcher::Environment, &torch, "").unwrap().address, "[fe80::1]:29500");
        let mpi = [("PMI_SIZE", "3"), ("PMI_RANK", "0")];
        assert!(place(Launcher::Mpi, &mpi, "").unwrap_err().to_string().contains("group.address"));
        assert_eq!(place(Launcher::Mpi, &mpi, "a:1").unwrap().size, 3);
        let message = place(Launcher::Slurm, &[], "").unwrap_err().to_string();
        assert!(message.contains("SLURM_NTASKS is not set"), "{message}");
        let message = place(Launcher::Mpi, &[("PMI_SIZE", "3"), ("PMI_RANK", "3")], "a:1").unwrap_err().to_string();
        assert!(message.contains("the last one is 2"), "{message}");
        assert_eq!(GroupConfig::default().place().unwrap().size, 1);
    }

    #[test]
    fn nodes_and_listeners() {
        assert_eq!(["a1", "a1,b2", "a[01-03,7]x,b2", "a[3]"].map(first_node), ["a1", "a1", "a01x", "a3"]);
        let listen = |address: &str| {
            Place { size: 2, rank: 0, address: address.into(), wait: Duration::ZERO, timeout: Duration::ZERO }.listen()
        };
        assert_eq!(listen("127.0.0.1:5"), "127.0.0.1:5");
        assert_eq!(listen("localhost:5"), "127.0.0.1:5");
        assert_eq!(listen("node7:5"), "0.0.0.0:5");
        assert_eq!(listen("[fe80::1]:5"), "[::]:5");
    }
}
