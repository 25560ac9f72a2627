//! Molecule-like graphs with a planted motif that decides the class.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{between, within, Weighted};
use crate::{DatasetError, GraphSet, GraphSetTables, LabeledGraph};

/// Settings of [`molecules`]. The defaults make a relative of MUTAG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MoleculeConfig {
    /// Graphs in the set; 2 to 1,000,000.
    pub graphs: usize,
    /// Atoms in the smallest graph; 12 to `max_nodes`.
    pub min_nodes: usize,
    /// Atoms in the largest graph; `min_nodes` to 1,000. Sizes are uniform between the two.
    pub max_nodes: usize,
    /// Most carbon rings in a graph, of which the first is always there; 1 to 10. Rings stop when atoms run out.
    pub max_rings: usize,
    /// Share of graphs that carry the motif; 0 to 1.
    pub positive_share: f64,
    /// Chance that a graph without the motif carries its atoms apart from each other; 0 to 1. At 1 counting atoms
    /// says nothing about the class, at 0 it says nearly all.
    pub decoy_share: f64,
    /// Chance that a graph's class is flipped; 0 to 0.5.
    pub label_noise: f64,
}

impl Default for MoleculeConfig {
    fn default() -> Self {
        Self {
            graphs: 200,
            min_nodes: 12,
            max_nodes: 24,
            max_rings: 3,
            positive_share: 0.5,
            decoy_share: 0.35,
            label_noise: 0.05,
        }
    }
}

impl MoleculeConfig {
    /// Checks every setting against its documented range.
    ///
    /// # Errors
    ///
    /// [`DatasetError::InvalidConfig`] naming the first setting that is out of range.
    pub fn validate(&self) -> Result<(), DatasetError> {
        within("graphs", self.graphs, 2, 1_000_000)?;
        within("max_nodes", self.max_nodes, SMALLEST, 1_000)?;
        within("min_nodes", self.min_nodes, SMALLEST, self.max_nodes)?;
        within("max_rings", self.max_rings, 1, 10)?;
        between("positive_share", self.positive_share, 0.0, 1.0)?;
        between("decoy_share", self.decoy_share, 0.0, 1.0)?;
        between("label_noise", self.label_noise, 0.0, 0.5)
    }
}

/// Draws a set of molecule-like graphs in two classes, `plain` and `nitro`.
///
/// A graph is a skeleton of five- and six-rings of carbon, to which atoms are attached one at a time wherever a
/// valence is free (C 4, N 3, O and S 2, F, Cl and Br 1, counting bonds and not their orders). A `nitro` graph
/// carries the motif C–N(–O)–O; a `plain` one never has a nitrogen with two oxygens, but may carry one nitrogen
/// and two oxygens at three other places (a decoy). So atom counts tell part of the story, and who is whose
/// neighbour tells the rest. Node labels are the seven atomic numbers; edge labels are 1 in a ring and else 0.
/// Atoms are numbered in random order.
///
/// # Errors
///
/// [`DatasetError::InvalidConfig`] where a setting is out of its range.
///
/// # Complexity
///
/// O(Σ nodes²) time in the sizes of the graphs.
///
/// # Example
///
/// ```
/// use datasets::synthetic::{molecules, MoleculeConfig};
///
/// let set = molecules(&MoleculeConfig::default(), 0)?;
/// assert_eq!((set.len(), set.classes(), set.node_label_values().len()), (200, 2, 7));
/// # Ok::<(), datasets::DatasetError>(())
/// ```
pub fn molecules(config: &MoleculeConfig, seed: u64) -> Result<GraphSet, DatasetError> {
    config.validate()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(21);
    let positives = (config.positive_share * config.graphs as f64).round() as usize;
    let mut motifs: Vec<bool> = (0..config.graphs).map(|graph| graph < positives).collect();
    motifs.shuffle(&mut rng);

    let background = Weighted::new(ATOMS.map(|atom| atom.share));
    let mut draw = |motif: bool| {
        let size = rng.gen_range(config.min_nodes as u32..=config.max_nodes as u32) as usize;
        let mut molecule = Molecule::default();
        molecule.grow_rings(config.max_rings, size - MOTIF_SIZE, &mut rng);
        if motif {
            molecule.plant_motif(&mut rng);
        } else if rng.r#gen::<f64>() < config.decoy_share {
            molecule.plant_decoy(&mut rng);
        }
        molecule.fill(size, &background, &mut rng);
        let flipped = rng.r#gen::<f64>() < config.label_noise;
        molecule.finish(usize::from(motif != flipped), &mut rng)
    };
    let graphs = motifs.into_iter().map(&mut draw).collect();
    let tables = GraphSetTables {
        class_names: vec!["plain".into(), "nitro".into()],
        node_label_values: ATOMS.map(|atom| atom.number).to_vec(),
        edge_label_values: vec![0, 1],
        attribute_width: 0,
    };
    GraphSet::new("synthetic-molecules", graphs, tables)
}

/// A kind of atom: atomic number, valence, and share of the atoms that fill up a graph.
#[derive(Clone, Copy)]
struct Atom {
    number: i64,
    valence: usize,
    share: f64,
}

const ATOMS: [Atom; 7] = [
    Atom { number: 6, valence: 4, share: 0.70 },
    Atom { number: 7, valence: 3, share: 0.08 },
    Atom { number: 8, valence: 2, share: 0.11 },
    Atom { number: 9, valence: 1, share: 0.03 },
    Atom { number: 16, valence: 2, share: 0.03 },
    Atom { number: 17, valence: 1, share: 0.03 },
    Atom { number: 35, valence: 1, share: 0.02 },
];

/// Places in [`ATOMS`].
const CARBON: usize = 0;
const NITROGEN: usize = 1;
const OXYGEN: usize = 2;

/// Atoms of the motif beside the carbon that carries it.
const MOTIF_SIZE: usize = 3;

/// Atoms of a graph that has room for one six-ring, the motif and some more.
const SMALLEST: usize = 12;

/// A graph under construction.
#[derive(Default)]
struct Molecule {
    atoms: Vec<usize>,
    /// Bonds that each atom may still take.
    free: Vec<usize>,
    bonds: Vec<Bond>,
}

#[derive(Clone, Copy)]
struct Bond {
    ends: (usize, usize),
    ring: bool,
}

impl Molecule {
    fn add(&mut self, atom: usize) -> usize {
        self.atoms.push(atom);
        self.free.push(ATOMS[atom].valence);
        self.atoms.len() - 1
    }

    /// Bonds two atoms that both have a free valence.
    fn bond(&mut self, a: usize, b: usize, ring: bool) {
        self.free[a] -= 1;
        self.free[b] -= 1;
        self.bonds.push(Bond { ends: (a, b), ring });
    }

    /// An atom of the wanted kind, if any, with at least `valences` free ones.
    fn pick(&self, wanted: impl Fn(usize) -> bool, valences: usize, rng: &mut ChaCha8Rng) -> Option<usize> {
        let fits = |&i: &usize| self.free[i] >= valences && wanted(self.atoms[i]);
        (0..self.atoms.len()).filter(fits).collect::<Vec<_>>().choose(rng).copied()
    }

    /// Adds up to `most` rings within `room` atoms: the first alone, later ones fused along a bond or linked by one.
    fn grow_rings(&mut self, most: usize, room: usize, rng: &mut ChaCha8Rng) {
        for ring in 0..rng.gen_range(1..=most as u32) {
            let size = rng.gen_range(5..=6u32) as usize;
            let fused = if rng.r#gen() { self.fusible_bond(rng) } else { None };
            let added = if fused.is_some() { size - 2 } else { size };
            if self.atoms.len() + added > room {
                return;
            }
            let linked_to = if ring > 0 { self.pick(|atom| atom == CARBON, 1, rng) } else { None };
            let first = self.add(CARBON);
            let last = (1..added).fold(first, |before, _| {
                let next = self.add(CARBON);
                self.bond(before, next, true);
                next
            });
            match (fused, linked_to) {
                (Some((a, b)), _) => {
                    self.bond(a, first, true);
                    self.bond(last, b, true);
                }
                (None, carrier) => {
                    self.bond(last, first, true);
                    if let Some(carrier) = carrier {
                        self.bond(carrier, first, false);
                    }
                }
            }
        }
    }

    /// A ring bond whose two ends can take part in another ring and still carry something.
    fn fusible_bond(&self, rng: &mut ChaCha8Rng) -> Option<(usize, usize)> {
        let fits = |bond: &&Bond| bond.ring && self.free[bond.ends.0] >= 2 && self.free[bond.ends.1] >= 2;
        self.bonds.iter().filter(fits).collect::<Vec<_>>().choose(rng).map(|bond| bond.ends)
    }

    /// Hangs an atom that takes no further bonds, or only those that follow at once, on a random free carbon.
    fn hang(&mut self, atom: usize, rng: &mut ChaCha8Rng) -> Option<usize> {
        let carrier = self.pick(|kind| kind == CARBON, 1, rng)?;
        let hung = self.add(atom);
        self.bond(carrier, hung, false);
        Some(hung)
    }

    /// C–N(–O)–O, closed to further bonds.
    fn plant_motif(&mut self, rng: &mut ChaCha8Rng) {
        if let Some(nitrogen) = self.hang(NITROGEN, rng) {
            for _ in 0..2 {
                let oxygen = self.add(OXYGEN);
                self.bond(nitrogen, oxygen, false);
                self.free[oxygen] = 0;
            }
        }
    }

    /// The motif's atoms on three carbons, closed to further bonds.
    fn plant_decoy(&mut self, rng: &mut ChaCha8Rng) {
        for atom in [NITROGEN, OXYGEN, OXYGEN] {
            if let Some(hung) = self.hang(atom, rng) {
                self.free[hung] = 0;
            }
        }
    }

    /// Attaches atoms until the graph has `size` of them, never an oxygen to a nitrogen.
    fn fill(&mut self, size: usize, background: &Weighted, rng: &mut ChaCha8Rng) {
        while self.atoms.len() < size {
            let atom = background.draw(rng).unwrap_or(CARBON);
            let allowed = |other| !matches!((atom, other), (NITROGEN, OXYGEN) | (OXYGEN, NITROGEN));
            let Some(carrier) = self.pick(allowed, 1, rng) else { return };
            let attached = self.add(atom);
            self.bond(carrier, attached, false);
        }
    }

    /// Numbers the atoms in random order and sorts the bonds.
    fn finish(self, label: usize, rng: &mut ChaCha8Rng) -> LabeledGraph {
        let nodes = self.atoms.len();
        let mut place: Vec<usize> = (0..nodes).collect();
        place.shuffle(rng);
        let mut node_labels = vec![CARBON; nodes];
        place.iter().zip(&self.atoms).for_each(|(&at, &atom)| node_labels[at] = atom);
        let mut bonds: Vec<((u32, u32), usize)> = Vec::with_capacity(self.bonds.len());
        for Bond { ends, ring } in self.bonds {
            let (a, b) = (place[ends.0] as u32, place[ends.1] as u32);
            bonds.push(((a.min(b), a.max(b)), usize::from(ring)));
        }
        bonds.sort_unstable();
        let (edges, edge_labels) = bonds.into_iter().unzip();
        LabeledGraph { nodes, edges, node_labels, edge_labels, node_attributes: None, label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splits::random_thirds;
    use crate::synthetic::probe;
    use proptest::prelude::*;

    fn neighbours(graph: &LabeledGraph) -> Vec<Vec<usize>> {
        let mut of = vec![Vec::new(); graph.nodes];
        for &(i, j) in &graph.edges {
            of[i as usize].push(j as usize);
            of[j as usize].push(i as usize);
        }
        of
    }

    fn has_motif(graph: &LabeledGraph) -> bool {
        let oxygens = |of: &Vec<usize>| of.iter().filter(|&&j| graph.node_labels[j] == OXYGEN).count();
        let mut nodes = graph.node_labels.iter().zip(neighbours(graph));
        nodes.any(|(&label, of)| label == NITROGEN && oxygens(&of) >= 2)
    }

    fn is_connected(graph: &LabeledGraph) -> bool {
        let of = neighbours(graph);
        let (mut seen, mut open) = (vec![false; graph.nodes], vec![0]);
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node], true) {
                open.extend(&of[node]);
            }
        }
        seen.into_iter().all(|seen| seen)
    }

    /// Mean over the nodes of `[X, PX, …]` for the one-hot labels X, scaled to the order of 1.
    fn mean_diffused(graph: &LabeledGraph, hops: usize) -> Vec<f32> {
        let of = neighbours(graph);
        let one_hot = |&label: &usize| std::array::from_fn(|k| f32::from(u8::from(k == label)));
        let mut power: Vec<[f32; 7]> = graph.node_labels.iter().map(one_hot).collect();
        let mut row = Vec::new();
        for hop in 0..=hops {
            if hop > 0 {
                let mean = |of: &Vec<usize>| {
                    std::array::from_fn(|k| of.iter().map(|&j| power[j][k]).sum::<f32>() / of.len() as f32)
                };
                power = of.iter().map(mean).collect();
            }
            row.extend((0..7).map(|k| 20.0 * power.iter().map(|x| x[k]).sum::<f32>() / graph.nodes as f32));
        }
        row
    }

    #[test]
    fn atom_counts_tell_something_and_neighbours_tell_more() {
        let accuracy = |hops| {
            let one = |seed| {
                let set = molecules(&MoleculeConfig { graphs: 600, ..Default::default() }, seed).unwrap();
                let split = random_thirds(set.len(), seed).unwrap();
                let rows: Vec<_> = set.graphs().iter().map(|graph| mean_diffused(graph, hops)).collect();
                probe::accuracy(&rows, &set.labels(), 2, &split.train, &split.test)
            };
            (0..3).map(one).sum::<f64>() / 3.0
        };
        let (counts, two_hops) = (accuracy(0), accuracy(2));
        assert!((0.62..0.78).contains(&counts), "atom counts {counts}");
        assert!((0.82..0.96).contains(&two_hops), "two hops {two_hops}");
    }

    #[test]
    fn the_motif_decides_the_class_but_for_the_noise() {
        let exact = molecules(&MoleculeConfig { label_noise: 0.0, ..Default::default() }, 3).unwrap();
        assert!(exact.graphs().iter().all(|graph| has_motif(graph) == (graph.label == 1)));
        assert_eq!(exact.class_counts(), [100, 100]);
        let noisy = molecules(&MoleculeConfig { graphs: 2000, ..Default::default() }, 3).unwrap();
        let flipped = noisy.graphs().iter().filter(|graph| has_motif(graph) != (graph.label == 1)).count();
        assert!((60..140).contains(&flipped), "{flipped} of 2000 flipped"); // mean 100, standard deviation 9.7
    }

    #[test]
    fn graphs_look_like_molecules() {
        let set = molecules(&MoleculeConfig::default(), 0).unwrap();
        let mean = set.total_nodes() as f64 / set.len() as f64;
        assert!((17.0..19.0).contains(&mean), "{mean} atoms");
        let rings = set.total_edges() + set.len() - set.total_nodes(); // independent cycles of connected graphs
        assert!((250..500).contains(&rings), "{rings} rings");
        assert_eq!(set, molecules(&MoleculeConfig::default(), 0).unwrap());
        assert_ne!(set, molecules(&MoleculeConfig::default(), 1).unwrap());
    }

    /// Recorded results name a seed, so what a seed stands for must not drift unnoticed.
    #[test]
    fn the_default_set_of_seed_zero_stays_what_it_is() {
        let set = molecules(&MoleculeConfig::default(), 0).unwrap();
        let sum = |values: &mut dyn Iterator<Item = usize>| {
            values.enumerate().map(|(i, v)| (i + 1) * v).sum::<usize>()
        };
        let graphs = set.graphs();
        let atoms = sum(&mut graphs.iter().flat_map(|graph| graph.node_labels.iter().copied()));
        let bonds =
            sum(&mut graphs.iter().flat_map(|graph| graph.edges.iter().map(|&(i, j)| (i * 31 + j) as usize)));
        let labels = sum(&mut set.labels().into_iter());
        assert_eq!(
            (set.total_nodes(), atoms, set.total_edges(), bonds, labels),
            (3569, 3_239_789, 3715, 1_248_229_996, 10_450)
        );
    }

    type Edit = fn(&mut MoleculeConfig);

    #[test]
    fn settings_out_of_range_are_named() {
        let edits: [(&str, Edit); 7] = [
            ("graphs", |c| c.graphs = 1),
            ("min_nodes", |c| c.min_nodes = 25),
            ("max_nodes", |c| c.max_nodes = 1001),
            ("max_rings", |c| c.max_rings = 0),
            ("positive_share", |c| c.positive_share = f64::NAN),
            ("decoy_share", |c| c.decoy_share = 1.5),
            ("label_noise", |c| c.label_noise = 0.6),
        ];
        for (field, edit) in edits {
            let mut config = MoleculeConfig::default();
            edit(&mut config);
            let message = molecules(&config, 0).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{field} is ")), "{message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_graph_is_connected_and_keeps_its_valences(
            (min_nodes, more, max_rings) in (12usize..40, 0usize..40, 1usize..=10),
            (positive_share, decoy_share) in (0.0f64..=1.0, 0.0f64..=1.0),
            seed: u64,
        ) {
            let max_nodes = min_nodes + more;
            let config = MoleculeConfig {
                graphs: 8, min_nodes, max_nodes, max_rings, positive_share, decoy_share, label_noise: 0.0,
            };
            for graph in molecules(&config, seed).unwrap().graphs() {
                prop_assert!((min_nodes..=max_nodes).contains(&graph.nodes));
                prop_assert!(is_connected(graph));
                prop_assert_eq!(has_motif(graph), graph.label == 1);
                for (of, &label) in neighbours(graph).iter().zip(&graph.node_labels) {
                    prop_assert!(of.len() <= ATOMS[label].valence);
                }
            }
        }
    }
}
