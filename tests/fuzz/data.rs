//! Data sets and the user's own files.

use datasets::{
    characters::Characters,
    cifar,
    citation::{self, UnknownIds},
    graph_file::{read_edge_list, read_graph, read_matrix_market, Direction, Ids, ReadOptions, Repeats},
    idx,
    matrix_file::{read_features, read_labels, FeatureShape},
    tu,
};
use eightfold_tests::idx as made;

use super::{answer, fuzz, gzip, text, Files};

fn idx_set(packed: bool) -> Files {
    let mut files = Files::new();
    for (part, count) in [("train", 12), ("t10k", 3)] {
        let sets = [("images-idx3", made::images(count, 7)), ("labels-idx1", made::labels(count))];
        for (kind, bytes) in sets {
            files.push(match packed {
                true => (format!("{part}-{kind}-ubyte.gz"), gzip(&bytes)),
                false => (format!("{part}-{kind}-ubyte"), bytes),
            });
        }
    }
    files
}

#[test]
fn idx_files() {
    fuzz("IDX", &idx_set(false), |dir| answer(idx::load(dir, "mine")));
}

#[test]
fn compressed_idx_files() {
    fuzz("IDX, gzip", &idx_set(true), |dir| answer(idx::load(dir, "mine")));
}

fn cifar_set(tags: usize) -> Files {
    let record = |seed: u8| {
        let pixels = (0..3072u32).map(move |at| (at as u8).wrapping_mul(7).wrapping_add(seed));
        vec![seed % 10; tags].into_iter().chain(pixels)
    };
    let names: &[&str] = match tags {
        1 => &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
            "test_batch.bin",
        ],
        _ => &["train.bin", "test.bin"],
    };
    names.iter().map(|name| (name.to_string(), (0..2).flat_map(record).collect())).collect()
}

#[test]
fn cifar_10_files() {
    fuzz("CIFAR-10", &cifar_set(1), |dir| answer(cifar::load(dir, "cifar10")));
}

#[test]
fn cifar_100_files() {
    fuzz("CIFAR-100", &cifar_set(2), |dir| answer(cifar::load_both(dir)));
}

#[test]
fn linqs_files() {
    let files = vec![
        text("zoo.content", "a\t1\t0\t1\tants\nb\t1\t1\t0\tbees\nc\t0\t0\t1\tants\nd\t0\t0.5\t0\tcats\n"),
        text("zoo.cites", "a\tb\nb\tc\nc\ta\nd\td\nb\ta\n"),
    ];
    fuzz("LINQS", &files, |dir| {
        answer(citation::load_with(dir, "zoo", UnknownIds::Skip)).and(answer(citation::load(dir, "zoo")))
    });
}

#[test]
fn pubmed_files() {
    let papers = "NODE\tpaper\ncat=1,2,3:label\tnumeric:w-rat:0.0\tnumeric:w-use:0.0\tstring:summary\n\
                  11\tlabel=2\tw-use=0.5\tw-rat=0.25\tsummary=w-use,w-rat\n12\tlabel=1\tw-rat=0.125\tsummary=w-rat\n";
    let files = vec![
        text("Pubmed-Diabetes.NODE.paper.tab", papers),
        text(
            "Pubmed-Diabetes.DIRECTED.cites.tab",
            "DIRECTED\tcites\nNO_FEATURES\n1\tpaper:11\t|\tpaper:12\n",
        ),
    ];
    fuzz("Pubmed", &files, |dir| answer(citation::load(dir, "pubmed")));
}

#[test]
fn tu_files() {
    let files = vec![
        text("X_A.txt", "1, 2\n2, 1\n2,3\n3,2\n4, 5\n5, 4\n"),
        text("X_graph_indicator.txt", "1\r\n1\r\n1\r\n2\r\n2\r\n"),
        text("X_graph_labels.txt", "1\n-1\n"),
        text("X_node_labels.txt", "6\n7\n6\n8\n6\n"),
        text("X_edge_labels.txt", "1\n1\n2\n2\n1\n1\n"),
        text("X_node_attributes.txt", "0.5, 1\n1.5, 2\n2.5, 3\n3.5, 4\n4.5, 5e-1\n"),
    ];
    fuzz("TU", &files, |dir| answer(tu::load(dir, "X")));
}

fn options(ids: Ids, repeats: Repeats) -> ReadOptions {
    ReadOptions { direction: Direction::Undirected, ids, repeats, nodes: None, max_bytes: Some(4 << 20) }
}

#[test]
fn edge_lists() {
    let files = vec![text("graph.txt", "# c\n0 1 0.5\n1,2\r\n2\t0 1e3\n5 5\n7 3 0.25\n3 1\n")];
    fuzz("edge list", &files, |dir| {
        let path = dir.join("graph.txt");
        answer(read_edge_list(&path, &options(Ids::AsIs, Repeats::Sum)))
            .and(answer(read_edge_list(&path, &options(Ids::Compact, Repeats::Merge))))
    });
}

#[test]
fn graphs_in_matrix_market() {
    let header = "%%MatrixMarket matrix coordinate real general\n%\n4 4 5\n";
    let files = vec![text("graph.mtx", &format!("{header}1 2 0.5\n2 3 1\n3 3 2e0\n4 1 0.1\n1 4 7\n"))];
    fuzz("Matrix Market, graph", &files, |dir| {
        let path = dir.join("graph.mtx");
        answer(read_matrix_market(&path, &options(Ids::AsIs, Repeats::Sum)))
            .and(answer(read_graph(&path, &options(Ids::AsIs, Repeats::Merge))))
    });
}

#[test]
fn features_in_matrix_market() {
    let files = vec![
        text(
            "sparse.mtx",
            "%%MatrixMarket matrix coordinate real general\n4 3 4\n1 2 0.5\n2 3 1\n3 3 2e0\n4 1 -1\n",
        ),
        text("dense.mtx", "%%MatrixMarket matrix array real general\n2 3\n1\n2\n-3\n4\n5\n6e-1\n"),
    ];
    fuzz("Matrix Market, features", &files, |dir| {
        for name in ["sparse.mtx", "dense.mtx"] {
            let path = dir.join(name);
            // as sparse-dcnn does: what a file claims is asked for before it is read
            let shape = FeatureShape::read(&path).map_err(|error| error.to_string())?;
            if shape.bytes() > 4 << 20 {
                return Err(format!("{} takes {} bytes", path.display(), shape.bytes()));
            }
            answer(read_features(&path))?;
        }
        Ok(())
    });
}

#[test]
fn labels() {
    let files = vec![text("plain.txt", "0\n1\n2\n1\n"), text("named.txt", "3 0\n1 1\n0 2\n2 1\n")];
    fuzz("labels", &files, |dir| {
        answer(read_labels(&dir.join("plain.txt"), Some(4)))
            .and(answer(read_labels(&dir.join("named.txt"), None)))
    });
}

#[test]
fn texts_of_characters() {
    let files = vec![text("text.txt", "to be, or not to be: \u{e9}t\u{fc}de \u{1f600}\n")];
    fuzz("text", &files, |dir| answer(Characters::read(&dir.join("text.txt"))));
}
