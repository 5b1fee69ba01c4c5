//! Names of telescopes and cameras, as the field's files have them.

use crate::camera::Camera;

/// What a telescope is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// Size: `LST`, `MST`, `SST`.
    pub size: String,
    /// Optics.
    pub optics: String,
    /// Camera.
    pub camera: String,
    /// Shape of the reflector.
    pub reflector: String,
    /// Number of mirrors that light meets.
    pub mirrors: i64,
}

impl Kind {
    /// Name of its tables, such as `LST_LSTCam`.
    pub fn table(&self) -> String {
        format!("{}_{}", self.optics, self.camera)
    }

    /// Full name, such as `LST_LST_LSTCam`.
    pub fn description(&self) -> String {
        format!("{}_{}_{}", self.size, self.optics, self.camera)
    }
}

/// Pixels, focal length \[m\], size, optics, camera, reflector, mirrors.
const KNOWN: [(usize, f64, &str, &str, &str, &str, i64); 8] = [
    (1855, 28.0, "LST", "LST", "LSTCam", "PARABOLIC", 1),
    (1855, 16.0, "MST", "MST", "NectarCam", "HYBRID", 1),
    (1764, 16.0, "MST", "MST", "FlashCam", "HYBRID", 1),
    (11328, 5.59, "MST", "SCT", "SCTCam", "SCHWARZSCHILD_COUDER", 2),
    (2048, 2.28, "SST", "GCT", "CHEC", "SCHWARZSCHILD_COUDER", 2),
    (2048, 2.15, "SST", "ASTRI", "CHEC", "SCHWARZSCHILD_COUDER", 2),
    (2368, 2.15, "SST", "ASTRI", "ASTRICam", "SCHWARZSCHILD_COUDER", 2),
    (1296, 5.60, "SST", "1M", "DigiCam", "DAVIES_COTTON", 1),
];

/// The kind of a telescope, by its number of pixels and focal length. Simulations name cameras in more than one way; the
/// names here are those under which programs look for tables.
pub fn kind_of(camera: &Camera) -> Kind {
    let focal_length = camera.equivalent_focal_length;
    let same = |(pixels, known, ..): &&(usize, f64, &str, &str, &str, &str, i64)| {
        *pixels == camera.len() && (known - focal_length).abs() < 0.02
    };
    match KNOWN.iter().find(same) {
        Some((_, _, size, optics, camera, reflector, mirrors)) => Kind {
            size: (*size).into(),
            optics: (*optics).into(),
            camera: (*camera).into(),
            reflector: (*reflector).into(),
            mirrors: *mirrors,
        },
        None => Kind {
            size: "UNKNOWN".into(),
            optics: "UNKNOWN".into(),
            camera: format!("UNKNOWN-{}PX", camera.len()),
            reflector: "UNKNOWN".into(),
            mirrors: 1,
        },
    }
}
