//! Colours: the field's colour-blind-safe cycle and the viridis map.

/// An opaque colour, red, green and blue from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// black
    pub const BLACK: Self = Self(0, 0, 0);
    /// white
    pub const WHITE: Self = Self(255, 255, 255);
    /// mid grey, for reference lines and uncertainty bands
    pub const GREY: Self = Self(0x71, 0x75, 0x81);
    /// blue of the six-colour cycle
    pub const BLUE: Self = Self(0x57, 0x90, 0xfc);
    /// orange of the six-colour cycle
    pub const ORANGE: Self = Self(0xf8, 0x9c, 0x20);
    /// red of the six-colour cycle
    pub const RED: Self = Self(0xe4, 0x25, 0x36);
    /// purple of the six-colour cycle
    pub const PURPLE: Self = Self(0x96, 0x4a, 0x8b);

    /// A colour from its hexadecimal number, e.g. `0x5790fc`.
    pub const fn hex(rgb: u32) -> Self {
        Self((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
    }

    /// Entry `index` of the cycle for `count` series: six colours where they suffice, ten
    /// otherwise (M. Petroff, arXiv:2107.02270, the order that CMS recommends).
    pub fn cycle(index: usize, count: usize) -> Self {
        let palette: &[Self] = if count <= SIX.len() { &SIX } else { &TEN };
        palette.get(index % palette.len()).copied().unwrap_or(Self::BLACK)
    }

    /// The viridis map at `t` in [0, 1]; outside values take the ends.
    pub fn viridis(t: f64) -> Self {
        let position = t.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
        let below = position as usize;
        let at = |i: usize| VIRIDIS.get(i).copied().map_or(Self::BLACK, Self::hex);
        at(below).mix(at((below + 1).min(VIRIDIS.len() - 1)), position - below as f64)
    }

    /// The colour a fraction `t` of the way to `other`.
    pub fn mix(self, other: Self, t: f64) -> Self {
        let channel = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
        Self(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }

    /// `#rrggbb`
    pub(crate) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

const SIX: [Color; 6] =
    [Color::BLUE, Color::ORANGE, Color::RED, Color::PURPLE, Color::hex(0x9c9ca1), Color::hex(0x7a21dd)];

const TEN: [Color; 10] = [
    Color::hex(0x3f90da),
    Color::hex(0xffa90e),
    Color::hex(0xbd1f01),
    Color::hex(0x94a4a2),
    Color::hex(0x832db6),
    Color::hex(0xa96b59),
    Color::hex(0xe76300),
    Color::hex(0xb9ac70),
    Color::hex(0x717581),
    Color::hex(0x92dadd),
];

/// viridis (matplotlib, CC0) at 33 equal steps; between them it is linear to one part in 255.
const VIRIDIS: [u32; 33] = [
    0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453781, 0x424086, 0x3e4989, 0x3b528b, 0x375b8d, 0x33638d,
    0x2f6b8e, 0x2c728e, 0x297a8e, 0x26828e, 0x23898e, 0x21918c, 0x1f988b, 0x1fa088, 0x22a785, 0x28ae80, 0x32b67a,
    0x3fbc73, 0x4ec36b, 0x5ec962, 0x70cf57, 0x84d44b, 0x98d83e, 0xaddc30, 0xc2df23, 0xd8e219, 0xece51b, 0xfde725,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_and_cycles() {
        assert_eq!(Color::viridis(0.0), Color::hex(0x440154));
        assert_eq!(Color::viridis(1.0), Color::hex(0xfde725));
        assert_eq!(Color::viridis(7.0), Color::hex(0xfde725));
        // matplotlib: viridis(0.3) = 0x35608d
        assert_eq!(Color::viridis(0.3).css(), "#35608d");
        assert_eq!(Color::cycle(0, 3), Color::hex(0x5790fc));
        assert_eq!(Color::cycle(10, 12), Color::hex(0x3f90da));
    }
}
