//! Energy, direction and type of showers from image parameters, learned by random forests.
//!
//! * [`settings`] which features, which events, how the forests are grown: the reference's configuration.
//! * [`columns`] image parameters by name; [`select`] which events are used and how much they count.
//! * [`train`] grows the forests, [`models`] keeps them in files, [`apply`] answers with them.
//! * [`zenith`] interpolates between the pointings of the training; [`source`] holds what is known when the position of
//!   the source is.

pub mod apply;
pub mod columns;
pub mod models;
pub mod select;
pub mod settings;
pub mod source;
pub mod train;
pub mod zenith;

pub use columns::Columns;
pub use models::Models;
pub use settings::Settings;
