//! The spanning tree of a basis: nodes are the suppliers and behind them the consumers, arcs are those that carry flow.

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A rooted tree with a flow on the arc from every node to its parent, and a potential at every node.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub parent: Vec<u32>,
    pub depth: Vec<u32>,
    pub flow: Vec<f64>,
    pub potential: Vec<f64>,
    first_child: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
    stack: Vec<u32>,
}

impl Tree {
    /// A forest of `nodes` single nodes.
    pub fn reset(&mut self, nodes: usize) {
        for list in [&mut self.parent, &mut self.first_child, &mut self.next, &mut self.previous] {
            list.clear();
            list.resize(nodes, NONE);
        }
        self.depth.clear();
        self.depth.resize(nodes, 0);
        for list in [&mut self.flow, &mut self.potential] {
            list.clear();
            list.resize(nodes, 0.0);
        }
    }

    /// Makes `child` a child of `parent`.
    pub fn attach(&mut self, child: u32, parent: u32) {
        let (c, p) = (child as usize, parent as usize);
        let sibling = std::mem::replace(&mut self.first_child[p], child);
        self.parent[c] = parent;
        self.previous[c] = NONE;
        self.next[c] = sibling;
        if sibling != NONE {
            self.previous[sibling as usize] = child;
        }
    }

    /// Cuts `child` off its parent.
    pub fn detach(&mut self, child: u32) {
        let c = child as usize;
        let (previous, next, parent) = (self.previous[c], self.next[c], self.parent[c]);
        if previous != NONE {
            self.next[previous as usize] = next;
        } else if parent != NONE {
            self.first_child[parent as usize] = next;
        }
        if next != NONE {
            self.previous[next as usize] = previous;
        }
        (self.parent[c], self.next[c], self.previous[c]) = (NONE, NONE, NONE);
    }

    /// The node at which the ways of two nodes to the root meet.
    pub fn meeting(&self, mut a: u32, mut b: u32) -> u32 {
        while a != b {
            if self.depth[a as usize] >= self.depth[b as usize] {
                a = self.parent[a as usize];
            } else {
                b = self.parent[b as usize];
            }
        }
        a
    }

    /// Turns the way from `node` up to the root of its part around, so that `node` becomes that root.
    pub fn make_root(&mut self, node: u32) {
        let (mut child, mut carried) = (node, 0.0);
        let mut above = self.parent[child as usize];
        let mut new_parent = NONE;
        loop {
            let flow = self.flow[child as usize];
            if above != NONE {
                self.detach(child);
            }
            self.flow[child as usize] = carried;
            if new_parent != NONE {
                self.attach(child, new_parent);
            }
            if above == NONE {
                return;
            }
            carried = flow;
            new_parent = child;
            child = above;
            above = self.parent[child as usize];
        }
    }

    /// Calls `visit` with every node of the part below and including `node`, parents first.
    pub fn visit(&mut self, node: u32, mut visit: impl FnMut(&mut [u32], &mut [f64], usize, usize)) {
        self.stack.clear();
        self.stack.push(node);
        while let Some(at) = self.stack.pop() {
            let (i, parent) = (at as usize, self.parent[at as usize]);
            visit(&mut self.depth, &mut self.potential, i, parent as usize);
            let mut child = self.first_child[i];
            while child != NONE {
                self.stack.push(child);
                child = self.next[child as usize];
            }
        }
    }
}
