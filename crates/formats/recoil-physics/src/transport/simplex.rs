//! The network simplex method for the transportation problem.

use super::tree::{NONE, Tree};
use crate::error::{Error, Result};

/// Numbers that are compared side by side.
const LANES: usize = 8;
/// Rows of costs that are looked at before the best arc among them enters.
const BLOCK: usize = 6;

/// Mass that goes from a supplier to a consumer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Place in the list of supplies.
    pub from: usize,
    /// Place in the list of demands.
    pub to: usize,
    /// How much.
    pub mass: f64,
}

/// Solver of transportation problems, with its memory.
///
/// ```
/// use recoil_physics::transport::Transport;
/// let mut transport = Transport::default();
/// let cost = transport.solve(&[3.0, 1.0], &[2.0, 2.0], &[1.0, 4.0, 2.0, 1.0])?;
/// assert_eq!(cost, 2.0 * 1.0 + 1.0 * 4.0 + 1.0 * 1.0);
/// # Ok::<(), recoil_physics::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Transport {
    pub(super) supplies: Vec<f64>,
    pub(super) demands: Vec<f64>,
    /// One row per supplier, of `stride` numbers; infinite behind the last consumer.
    pub(super) costs: Vec<f64>,
    pub(super) stride: usize,
    tree: Tree,
    /// Potentials of the consumers, as many as `stride`.
    prices: Vec<f64>,
    open: Vec<u32>,
    pivots: usize,
}

impl Transport {
    /// The least total cost of bringing `supply` to `demand`; `cost` has one row per supplier. Only places with mass count.
    ///
    /// # Errors
    /// Columns of different lengths; masses or costs that are negative or not finite; sums that differ by more than a part
    /// in 10^9.
    pub fn solve(&mut self, supply: &[f64], demand: &[f64], cost: &[f64]) -> Result<f64> {
        let (rows, columns) = (supply.len(), demand.len());
        if cost.len() != rows * columns {
            return Err(Error::Length { column: "cost".into(), expected: rows * columns, found: cost.len() });
        }
        check("supply", supply)?;
        check("demand", demand)?;
        check("cost", cost)?;
        let (given, wanted): (f64, f64) = (supply.iter().sum(), demand.iter().sum());
        let apart = (given - wanted).abs();
        if apart > 1e-9 * given.max(wanted) || !apart.is_finite() {
            let (name, value) = ("sum of the demands".to_owned(), wanted);
            return Err(Error::Parameter { name, value, wanted: "the sum of the supplies" });
        }
        self.begin(rows, columns);
        self.supplies.extend_from_slice(supply);
        self.demands.extend_from_slice(demand);
        if rows > 0 {
            for (row, costs) in self.costs.chunks_exact_mut(self.stride).zip(cost.chunks_exact(columns.max(1))) {
                row.iter_mut().zip(costs).for_each(|(place, cost)| *place = *cost);
            }
        }
        self.run()
    }

    /// Flows of the last solution.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        let rows = self.supplies.len() as u32;
        (0..self.tree.parent.len() as u32).filter_map(move |node| {
            let (parent, mass) = (self.tree.parent[node as usize], self.tree.flow[node as usize]);
            let (from, to) = if node < rows { (node, parent) } else { (parent, node) };
            (parent != NONE && mass > 0.0).then(|| Flow { from: from as usize, to: (to - rows) as usize, mass })
        })
    }

    /// Dual potentials of the suppliers: with those of the consumers they sum to at most the cost of every arc, and to
    /// exactly the cost where mass flows. The total cost is the sum of mass times potential.
    pub fn supply_potentials(&self) -> &[f64] {
        self.tree.potential.get(..self.supplies.len()).unwrap_or_default()
    }

    /// Dual potentials of the consumers.
    pub fn demand_potentials(&self) -> &[f64] {
        self.prices.get(..self.demands.len()).unwrap_or_default()
    }

    /// Exchanges of arcs that the last solution took.
    pub fn pivots(&self) -> usize {
        self.pivots
    }

    /// Empties the problem and makes room for costs.
    pub(super) fn begin(&mut self, rows: usize, columns: usize) {
        self.supplies.clear();
        self.demands.clear();
        self.stride = columns.next_multiple_of(LANES).max(LANES);
        self.costs.clear();
        self.costs.resize(rows * self.stride, f64::INFINITY);
    }

    /// Solves the problem that `begin` and the caller have laid out; returns the total cost.
    pub(super) fn run(&mut self) -> Result<f64> {
        let (rows, columns) = (self.supplies.len(), self.demands.len());
        self.pivots = 0;
        self.tree.reset(rows + columns);
        self.prices.clear();
        self.prices.resize(self.stride, 0.0);
        if rows == 0 || columns == 0 {
            return Ok(0.0);
        }
        self.start();
        let largest = self.costs.iter().copied().filter(|cost| cost.is_finite()).fold(0.0, f64::max);
        let tolerance = -1e-13 * largest.max(f64::MIN_POSITIVE);
        // ties could make the method run in circles; Bland's rule cannot
        let (patience, limit) = (2 * (rows + columns), 200 * (rows + columns) + 10_000);
        let (mut row, mut idle) = (0, 0);
        loop {
            let entering =
                if idle > patience { self.first_entering(tolerance) } else { self.entering(&mut row, tolerance) };
            let Some((from, to, reduced)) = entering else { break };
            let moved = self.pivot(from as u32, (rows + to) as u32, reduced);
            idle = if moved > 0.0 { 0 } else { idle + 1 };
            self.pivots += 1;
            if self.pivots > limit {
                return Err(Error::NoConvergence { what: "the network simplex method", steps: limit });
            }
        }
        Ok(self.total())
    }

    fn total(&self) -> f64 {
        let cost = |flow: Flow| flow.mass * self.costs[flow.from * self.stride + flow.to];
        self.flows().map(cost).sum()
    }

    /// The most negative reduced cost of a few rows, beginning behind the last ones looked at.
    fn entering(&self, row: &mut usize, tolerance: f64) -> Option<(usize, usize, f64)> {
        let rows = self.supplies.len();
        let (mut best, mut found) = (tolerance, None);
        for seen in 1..=rows {
            let here = *row;
            *row = if here + 1 == rows { 0 } else { here + 1 };
            let costs = &self.costs[here * self.stride..(here + 1) * self.stride];
            let potential = self.tree.potential[here];
            let smallest = smallest_difference(costs, &self.prices) - potential;
            if smallest < best {
                (best, found) = (smallest, Some(here));
            }
            if seen % BLOCK == 0 && found.is_some() {
                break;
            }
        }
        let from = found?;
        let costs = &self.costs[from * self.stride..(from + 1) * self.stride];
        let potential = self.tree.potential[from];
        let reduced = |(cost, price): (&f64, &f64)| cost - price - potential;
        let (to, value) = costs.iter().zip(&self.prices).map(reduced).enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((from, to, value))
    }

    /// The first arc of negative reduced cost.
    fn first_entering(&self, tolerance: f64) -> Option<(usize, usize, f64)> {
        for (from, costs) in self.costs.chunks_exact(self.stride).enumerate() {
            for (to, (cost, price)) in costs.iter().zip(&self.prices).enumerate() {
                let reduced = cost - price - self.tree.potential[from];
                if reduced < tolerance {
                    return Some((from, to, reduced));
                }
            }
        }
        None
    }

    /// Brings the arc from supplier to consumer into the tree; returns the mass that was moved around its cycle.
    fn pivot(&mut self, supplier: u32, consumer: u32, reduced: f64) -> f64 {
        let rows = self.supplies.len();
        let is_supplier = |node: u32| (node as usize) < rows;
        let tree = &mut self.tree;
        let top = tree.meeting(supplier, consumer);
        // flow falls on the arcs that lead from a supplier up, seen from the supplier's end, and so on around the cycle
        let (mut moved, mut leaving, mut on_supplier_side) = (f64::INFINITY, NONE, true);
        for (end, side) in [(supplier, true), (consumer, false)] {
            let mut node = end;
            while node != top {
                let falls = is_supplier(node) == side;
                if falls && tree.flow[node as usize] < moved {
                    (moved, leaving, on_supplier_side) = (tree.flow[node as usize], node, side);
                }
                node = tree.parent[node as usize];
            }
        }
        if leaving == NONE {
            return 0.0;
        }
        for (end, side) in [(supplier, true), (consumer, false)] {
            let mut node = end;
            while node != top {
                let sign = if is_supplier(node) == side { -1.0 } else { 1.0 };
                tree.flow[node as usize] += sign * moved;
                node = tree.parent[node as usize];
            }
        }
        let (inside, outside) = if on_supplier_side { (supplier, consumer) } else { (consumer, supplier) };
        tree.detach(leaving);
        tree.make_root(inside);
        tree.attach(inside, outside);
        tree.flow[inside as usize] = moved;
        let inside_supplies = is_supplier(inside);
        let prices = &mut self.prices;
        tree.visit(inside, |depth, potential, node, parent| {
            depth[node] = depth[parent] + 1;
            let supplies = node < rows;
            let change = if supplies == inside_supplies { reduced } else { -reduced };
            potential[node] += change;
            if let Some(price) = node.checked_sub(rows).and_then(|place| prices.get_mut(place)) {
                *price += change;
            }
        });
        moved
    }

    /// A first tree: every supplier in turn serves the nearest consumers that still want something.
    fn start(&mut self) {
        let (rows, columns) = (self.supplies.len(), self.demands.len());
        let Self { supplies, demands, costs, stride, tree, open, prices, .. } = self;
        open.clear();
        open.extend(0..columns as u32);
        let mut left = 0.0;
        let (mut row, mut fresh) = (0, true);
        // arcs of the tree, as (supplier, consumer, flow); the flow stands in the tree once it is rooted
        let mut arcs: Vec<(u32, u32, f64)> = Vec::with_capacity(rows + columns);
        while row < rows && !open.is_empty() {
            if fresh {
                (left, fresh) = (supplies[row], false);
            }
            let costs = &costs[row * *stride..(row + 1) * *stride];
            let nearest = (0..open.len()).min_by(|a, b| costs[open[*a] as usize].total_cmp(&costs[open[*b] as usize]));
            let Some(nearest) = nearest else { break };
            let column = open[nearest] as usize;
            let wanted = demands[column].max(0.0);
            let last_row = row + 1 == rows;
            if (left <= wanted && !last_row) || open.len() == 1 {
                arcs.push((row as u32, (rows + column) as u32, left.max(0.0)));
                demands[column] -= left;
                (row, fresh) = (row + 1, true);
            } else {
                arcs.push((row as u32, (rows + column) as u32, wanted));
                left -= wanted;
                open.swap_remove(nearest);
            }
        }
        root(tree, &arcs, rows, costs, *stride);
        prices.iter_mut().zip(&tree.potential[rows..]).for_each(|(price, potential)| *price = *potential);
    }
}

/// Hangs the arcs of a tree below a node of the last one and sets potentials so that the arcs of the tree cost nothing.
fn root(tree: &mut Tree, arcs: &[(u32, u32, f64)], rows: usize, costs: &[f64], stride: usize) {
    // every arc served one end fully while the other stayed open: seen from the last arc, each adds one node
    let mut reached = vec![false; tree.parent.len()];
    if let Some((last, _, _)) = arcs.last() {
        reached[*last as usize] = true;
    }
    for &(supplier, consumer, flow) in arcs.iter().rev() {
        let cost = costs[supplier as usize * stride + consumer as usize - rows];
        let (child, parent) = if reached[supplier as usize] { (consumer, supplier) } else { (supplier, consumer) };
        reached[child as usize] = true;
        tree.attach(child, parent);
        tree.flow[child as usize] = flow;
        tree.depth[child as usize] = tree.depth[parent as usize] + 1;
        tree.potential[child as usize] = cost - tree.potential[parent as usize];
    }
}

/// The smallest of `costs - prices`; both have a multiple of [`LANES`] numbers.
#[inline]
fn smallest_difference(costs: &[f64], prices: &[f64]) -> f64 {
    let mut lanes = [f64::INFINITY; LANES];
    for (costs, prices) in costs.chunks_exact(LANES).zip(prices.chunks_exact(LANES)) {
        for ((lane, cost), price) in lanes.iter_mut().zip(costs).zip(prices) {
            let difference = cost - price;
            *lane = if difference < *lane { difference } else { *lane };
        }
    }
    lanes.into_iter().fold(f64::INFINITY, f64::min)
}

fn check(column: &str, values: &[f64]) -> Result<()> {
    let row = values.iter().position(|value| !(value.is_finite() && *value >= 0.0));
    match row {
        Some(row) => {
            let value = values.get(row).copied().unwrap_or_default() as f32;
            Err(Error::Value { column: column.into(), row, value, wanted: "finite and not negative" })
        }
        None => Ok(()),
    }
}
