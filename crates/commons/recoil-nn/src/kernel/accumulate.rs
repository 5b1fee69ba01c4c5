//! The innermost loop of all products of matrices: rows times a panel of columns.

use pulp::Simd;

/// acc\[r\]\[v\] += sum over k of x\[r\]\[k\] w\[k\]\[v\].
#[inline(always)]
pub(crate) fn accumulate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    x: [&[f32]; R],
    w: &[f32],
    acc: &mut [[S::f32s; V]; R],
) {
    let (w, _) = S::as_simd_f32s(w).0.as_chunks::<V>();
    let x = x.map(|x| &x[..w.len()]);
    for (k, w) in w.iter().enumerate() {
        for (x, acc) in x.iter().zip(acc.iter_mut()) {
            let x = simd.splat_f32s(x[k]);
            for (acc, &w) in acc.iter_mut().zip(w) {
                *acc = simd.mul_add_e_f32s(x, w, *acc);
            }
        }
    }
}
