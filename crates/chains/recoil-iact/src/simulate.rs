//! A small generator: showers seen by one LST, written as files of sim_telarray.
//!
//! Nothing is followed particle by particle. The light on the camera is an ellipse of photo-electrons whose charge,
//! distance from the source, size and run of time follow the energy and the impact point as they do in full simulations: a
//! flat pool of light of 120 m that falls off outside, a maximum that moves down with the logarithm of the energy, hadrons
//! with less light, several cores and more spread. Good enough to run the chain and to train on; no physics result.

pub mod file;
pub mod image;
pub mod optics;
pub mod shower;
