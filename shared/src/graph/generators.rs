//! Random graphs: the same seed gives the same graph, whatever the number of threads.

use petgraph::graph::UnGraph;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

use super::csr::check_nodes;
use super::GraphError;

/// Most edges a generator makes: a petgraph graph numbers its edges in 32 bits.
const MAX_EDGES: f64 = (u32::MAX - 1) as f64;

/// The Erdős–Rényi graph G(n, p): each of the n(n-1)/2 edges is there with probability p, independently.
///
/// # Errors
/// [`GraphError::BadParameter`] for p outside \[0, 1\] or more expected edges than 32 bits number;
/// [`GraphError::TooManyNodes`].
///
/// # Complexity
/// O(n + |E|): the gaps between edges are drawn from their geometric distribution.
///
/// # Reference
/// Batagelj and Brandes, "Efficient generation of large random networks" (Phys. Rev. E 2005), algorithm 1.
///
/// # Example
/// ```
/// use shared::graph::erdos_renyi;
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let g = erdos_renyi(1000, 0.004, 7)?; // mean degree 4
/// assert!((1800..2200).contains(&g.edge_count()));
/// # Ok(())
/// # }
/// ```
pub fn erdos_renyi(n: usize, p: f64, seed: u64) -> Result<UnGraph<(), ()>, GraphError> {
    const NAME: &str = "the Erdős–Rényi generator";
    check_nodes(n)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(bad(NAME, "p", p, "a probability between 0 and 1"));
    }
    let expected = p * n as f64 * (n as f64 - 1.0) / 2.0;
    // Six standard deviations of room: what passes here stays below the limit.
    if expected + 6.0 * expected.sqrt() > MAX_EDGES {
        return Err(bad(NAME, "p", p, "fewer than 2^32 edges, p n(n-1)/2,"));
    }
    let mut graph = with_nodes(n, expected as usize);
    if p == 0.0 {
        return Ok(graph);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let log_miss = (-p).ln_1p(); // ln(1 - p), minus infinity at p = 1
                                 // Walk the pairs (v, w) with w < v row by row, jumping over the ones left out.
    let (mut v, mut w) = (1usize, 0usize);
    loop {
        let gap = (-rng.r#gen::<f64>()).ln_1p() / log_miss; // a geometric number once rounded down; 0 at p = 1
        w = w.saturating_add(gap as usize);
        while v < n && w >= v {
            w -= v;
            v += 1;
        }
        if v >= n {
            return Ok(graph);
        }
        graph.add_edge((v as u32).into(), (w as u32).into(), ());
        w += 1;
    }
}

/// The Barabási–Albert graph: nodes arrive one by one and attach to m nodes chosen in proportion to their degrees.
///
/// The first m + 1 nodes form a star. Degrees follow a power law of exponent 3. A graph has m(n - m) edges.
///
/// # Errors
/// [`GraphError::BadParameter`] unless 1 ≤ m < n and the edges stay below 2³²; [`GraphError::TooManyNodes`].
///
/// # Complexity
/// O(n·m) time and memory.
///
/// # Reference
/// Barabási and Albert, "Emergence of Scaling in Random Networks" (Science 1999).
///
/// # Example
/// ```
/// use shared::graph::barabasi_albert;
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// assert_eq!(barabasi_albert(100, 2, 7)?.edge_count(), 2 * (100 - 2));
/// # Ok(())
/// # }
/// ```
pub fn barabasi_albert(n: usize, m: usize, seed: u64) -> Result<UnGraph<(), ()>, GraphError> {
    const NAME: &str = "the Barabási–Albert generator";
    check_nodes(n)?;
    if m == 0 || m >= n {
        return Err(bad(NAME, "m", m, "at least 1 and less than the number of nodes"));
    }
    let edges = m as f64 * (n - m) as f64;
    if edges > MAX_EDGES {
        return Err(bad(NAME, "m", m, "fewer than 2^32 edges, m (n - m),"));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut graph = with_nodes(n, edges as usize);
    // Every node as often as its degree says, so a uniform draw from here is one in proportion to degree.
    let mut ends: Vec<u32> = Vec::with_capacity(2 * edges as usize);
    let mut attach = |ends: &mut Vec<u32>, a: u32, b: u32| {
        graph.add_edge(a.into(), b.into(), ());
        ends.extend([a, b]);
    };
    for leaf in 1..=m as u32 {
        attach(&mut ends, leaf, 0);
    }
    let mut chosen_by = vec![0u32; n];
    let mut targets = Vec::with_capacity(m);
    for newcomer in m as u32 + 1..n as u32 {
        targets.clear();
        while targets.len() < m {
            let target = ends[rng.gen_range(0..ends.len())];
            if chosen_by[target as usize] != newcomer {
                chosen_by[target as usize] = newcomer;
                targets.push(target);
            }
        }
        targets.iter().for_each(|&target| attach(&mut ends, newcomer, target));
    }
    Ok(graph)
}

/// A degree-corrected stochastic block model: communities whose nodes have unequal degrees.
///
/// ```text
/// A_ij ~ Poisson(θ_i θ_j ω_rs) for i in block r, j in block s,    Σ_{i in r} θ_i = 1
/// ```
///
/// so `edges[r][s]` = ω_rs is the expected number of edges between blocks r and s, and inside a block for r = s. The
/// drawn multigraph is made simple: self-loops and repeats are dropped, so a graph has somewhat fewer edges than
/// expected where few nodes hold most of θ.
///
/// # Reference
/// Karrer and Newman, "Stochastic blockmodels and community structure in networks" (Phys. Rev. E 2011). Their ω_rr
/// counts an inner edge twice; ours counts it once.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockModel {
    /// Nodes in each block.
    pub block_sizes: Vec<usize>,
    /// Expected edges between each pair of blocks: square and symmetric.
    pub edges: Vec<Vec<f64>>,
    /// θ_i follows a power law that gives degrees of this exponent (> 2), as in scale-free networks; `None` for equal
    /// θ, the plain block model.
    pub degree_exponent: Option<f64>,
}

impl BlockModel {
    /// A graph of the given mean degree with a share `within` of its edges inside blocks, which is its expected edge
    /// homophily. Inner edges go to the blocks in proportion to their sizes n_r, the others in proportion to n_r n_s.
    ///
    /// # Example
    /// ```
    /// use shared::graph::BlockModel;
    /// # fn main() -> Result<(), shared::graph::GraphError> {
    /// let model = BlockModel::planted(&[300, 200], 4.0, 0.8, Some(2.5));
    /// let (graph, labels) = model.generate(7)?;
    /// assert_eq!((graph.node_count(), labels[299], labels[300]), (500, 0, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn planted(
        block_sizes: &[usize],
        mean_degree: f64,
        within: f64,
        degree_exponent: Option<f64>,
    ) -> Self {
        let sizes: Vec<f64> = block_sizes.iter().map(|&n| n as f64).collect();
        // Between blocks in proportion to n_r n_s, scaled so that all blocks together keep their share.
        let between: f64 = sizes.iter().map(|n| n * (sizes.iter().sum::<f64>() - n)).sum();
        let total_ends = mean_degree * sizes.iter().sum::<f64>();
        let expected = |r: usize, s: usize| match () {
            () if r == s => within * mean_degree * sizes[r] / 2.0,
            () if between > 0.0 => (sizes[r] * sizes[s]) * ((1.0 - within) * total_ends / between),
            () => 0.0,
        };
        let blocks = 0..sizes.len();
        let edges = blocks.clone().map(|r| blocks.clone().map(|s| expected(r, s)).collect()).collect();
        Self { block_sizes: block_sizes.to_vec(), edges, degree_exponent }
    }

    /// Draws a graph and the block of each node. Nodes are numbered block after block.
    ///
    /// # Errors
    /// [`GraphError::BadParameter`] for no blocks or an empty one, a table of expected edges that is not square,
    /// symmetric, finite and non-negative or that asks for 2³² edges, or an exponent of 2 or less;
    /// [`GraphError::TooManyNodes`].
    ///
    /// # Complexity
    /// O(N + |E| log N) time, O(N + |E|) memory: edges are drawn, pairs are not visited.
    pub fn generate(&self, seed: u64) -> Result<(UnGraph<(), ()>, Vec<usize>), GraphError> {
        let expected = self.validate()?;
        let n: usize = self.block_sizes.iter().sum();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);

        let mut labels = Vec::with_capacity(n);
        let mut blocks = Vec::with_capacity(self.block_sizes.len());
        for (r, &size) in self.block_sizes.iter().enumerate() {
            let first = labels.len() as u32;
            labels.extend(std::iter::repeat_n(r, size));
            blocks.push(Block::draw(first, size, self.degree_exponent, &mut rng));
        }

        let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(expected as usize);
        for r in 0..blocks.len() {
            for s in r..blocks.len() {
                let count = match Poisson::new(self.edges[r][s]) {
                    Ok(poisson) => poisson.sample(&mut rng) as u64,
                    Err(_) => 0, // a rate of 0, the only one that `validate` lets through and Poisson does not
                };
                for _ in 0..count {
                    let (i, j) = (blocks[r].pick(&mut rng), blocks[s].pick(&mut rng));
                    if i != j {
                        pairs.push((i.min(j), i.max(j)));
                    }
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut graph = with_nodes(n, pairs.len());
        graph.extend_with_edges(pairs);
        Ok((graph, labels))
    }

    /// The number of edges expected in all, or what is wrong with the parameters.
    fn validate(&self) -> Result<f64, GraphError> {
        const NAME: &str = "the block model";
        let blocks = self.block_sizes.len();
        if blocks == 0 || self.block_sizes.contains(&0) {
            let allowed = "at least one block and one node in each";
            return Err(bad(NAME, "block_sizes", format!("{:?}", self.block_sizes), allowed));
        }
        check_nodes(self.block_sizes.iter().fold(0, |n, &size| usize::saturating_add(n, size)))?;
        let rows = self.edges.iter().map(Vec::len);
        if self.edges.len() != blocks || rows.clone().any(|len| len != blocks) {
            let value = format!("{} rows of {:?} columns", self.edges.len(), rows.collect::<Vec<_>>());
            return Err(bad(NAME, "edges", value, "one row and one column for every block"));
        }
        let mut expected = 0.0;
        for r in 0..blocks {
            for s in r..blocks {
                let rate = self.edges[r][s];
                if !rate.is_finite() || rate < 0.0 || rate != self.edges[s][r] {
                    let value = format!("{rate} and {} for blocks {r} and {s}", self.edges[s][r]);
                    return Err(bad(
                        NAME,
                        "edges",
                        value,
                        "a symmetric table of finite, non-negative numbers",
                    ));
                }
                expected += rate;
            }
        }
        if expected + 6.0 * expected.sqrt() > MAX_EDGES {
            return Err(bad(NAME, "edges", format!("{expected} in all"), "fewer than 2^32 edges"));
        }
        match self.degree_exponent {
            Some(exponent) if !(exponent > 2.0 && exponent.is_finite()) => {
                Err(bad(NAME, "degree_exponent", exponent, "a finite exponent above 2"))
            }
            _ => Ok(expected),
        }
    }
}

/// The nodes of one block and how often each is an end of an edge.
struct Block {
    first: u32,
    /// θ of the nodes so far, added up: rises from near 0 to the total.
    cumulative: Vec<f64>,
}

impl Block {
    fn draw(first: u32, size: usize, exponent: Option<f64>, rng: &mut ChaCha8Rng) -> Self {
        let mut total = 0.0;
        let mut theta = || match exponent {
            // A Pareto number: P(θ > x) = x^(1 - exponent).
            Some(exponent) => (1.0 - rng.r#gen::<f64>()).powf(-1.0 / (exponent - 1.0)),
            None => 1.0,
        };
        let mut next = || {
            total += theta();
            total
        };
        Self { first, cumulative: (0..size).map(|_| next()).collect() }
    }

    fn pick(&self, rng: &mut ChaCha8Rng) -> u32 {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let at = rng.r#gen::<f64>() * total;
        let node = self.cumulative.partition_point(|&sum| sum <= at);
        self.first + node.min(self.cumulative.len() - 1) as u32
    }
}

fn with_nodes(n: usize, edges: usize) -> UnGraph<(), ()> {
    let mut graph = UnGraph::with_capacity(n, edges);
    for _ in 0..n {
        graph.add_node(());
    }
    graph
}

fn bad(
    generator: &'static str,
    parameter: &'static str,
    value: impl ToString,
    allowed: &'static str,
) -> GraphError {
    GraphError::BadParameter { generator, parameter, value: value.to_string(), allowed }
}
