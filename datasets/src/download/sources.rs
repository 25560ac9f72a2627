//! The sets whose files are pinned by length and SHA-256 sum.

use super::{RemoteFile, Source};

const CORA_HOME: &str = "https://linqs-data.soe.ucsc.edu/public/lbc/cora.tgz";

/// The pinned sets: `cora`, `MUTAG`, `PTC_MR`, `NCI1`, `PROTEINS`, `ENZYMES`, `mnist` and `fashion-mnist`.
///
/// For graphs, what is pinned is each text file and not the authors' archives, whose sums the project has not been
/// able to check. `cora.cites` is the original file. `cora.content.gz` is a rebuilt copy with the original's values in
/// another order of lines, so the original file, although good, has another sum: put it in place by hand and the
/// loader will read it. The TU files are copies taken as they were, line ends included.
///
/// `mnist` and `fashion-mnist` are the authors' own `.gz` files, as many mirrors have them; the lengths and sums
/// are those that several public loaders pin. The CIFAR sets are published as archives only, which are put in place
/// by hand.
pub fn sources() -> Vec<Source> {
    PINNED.iter().map(|&(name, files)| pinned(name, files)).collect()
}

/// The pinned set of that name, in any case of letters.
pub fn source(name: &str) -> Option<Source> {
    PINNED
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|&(name, files)| pinned(name, files))
}

/// Path, bytes and SHA-256 sum.
type Pinned = (&'static str, u64, &'static str);

fn pinned(name: &str, files: &[Pinned]) -> Source {
    let homepage = match name {
        "cora" => CORA_HOME.to_string(),
        "mnist" => "https://yann.lecun.com/exdb/mnist/".to_string(),
        "fashion-mnist" => "https://github.com/zalandoresearch/fashion-mnist".to_string(),
        name => format!("https://www.chrsmrrs.com/graphkerneldatasets/{name}.zip"),
    };
    let file =
        |&(path, bytes, sha256): &Pinned| RemoteFile { path: path.into(), bytes, sha256: sha256.into() };
    Source { name: name.into(), homepage, base_url: None, files: files.iter().map(file).collect() }
}

#[rustfmt::skip] // one file a line
const PINNED: &[(&str, &[Pinned])] = &[
    ("cora", &[
        ("cora/cora.cites", 69_928, "ec1a372391b7f0f60a6aff0084e8abd8f19f0faa7e1f2441a41c492042d5945e"),
        ("cora/cora.content.gz", 109_116, "43c19bb5f1a4b1cd5f47c7f1c9eda25c8385dbf00d00f67340ab8af45c65a3c8"),
    ]),
    ("MUTAG", &[
        ("tu/MUTAG/MUTAG_A.txt", 84_382, "ec0d1cb0d56a9a69dc75e28f9448b5280fed01845a301d5f4574f2eff1fdf5d7"),
        ("tu/MUTAG/MUTAG_edge_labels.txt", 22_326, "2cd00614509df4c487d266055518f010d9f51593efccfdbe812cc117d169d3bb"),
        ("tu/MUTAG/MUTAG_graph_indicator.txt", 14_903, "64e7914d7cb5106805819bbc33e836ddf97ead915c4d10c49c82f8cd02c0fc69"),
        ("tu/MUTAG/MUTAG_graph_labels.txt", 627, "0268236095d6c298197093f229939ac7473b5a0e00bb052e3e1fa066d20bb268"),
        ("tu/MUTAG/MUTAG_node_labels.txt", 10_113, "857bedb2675ea908a9be2eb55654fa7b4465f30e8d6530abefb215f84c7d9155"),
    ]),
    ("PTC_MR", &[
        ("tu/PTC_MR/PTC_MR_A.txt", 106_642, "f79523ff94dfbef539e5602a8ac1931a50a2800f33fa1d30e5e31725289b5202"),
        ("tu/PTC_MR/PTC_MR_edge_labels.txt", 20_216, "acee2f93b52175a329009dc837bea9db7c2a121c2ef0b1587b38bbe6fc9b8177"),
        ("tu/PTC_MR/PTC_MR_graph_indicator.txt", 18_155, "d52754f3cbc54e29324f884b4c17200c16e06db0c499afae300b4fa1bb6d794b"),
        ("tu/PTC_MR/PTC_MR_graph_labels.txt", 880, "64210accbe4c6c027535b1294e0da652b1f539667f7a2d4bf5121dcd8b00a224"),
        ("tu/PTC_MR/PTC_MR_node_labels.txt", 9_842, "cc50d1e1c5f4c98b2100cf50c5ddd88ff28b419a9180d531046b75ce22983235"),
    ]),
    ("NCI1", &[
        ("tu/NCI1/NCI1_A.txt", 3_501_404, "b2d5f854a3954f675348f27f938275bacf02a9c8a20d84c45e1ef56b87199f3d"),
        ("tu/NCI1/NCI1_graph_indicator.txt", 708_014, "d7f2f70ddbe7d9ac9318b14849e32be850d02d6be013743a7838cd2c4fd2d1ac"),
        ("tu/NCI1/NCI1_graph_labels.txt", 12_330, "a0b254f8582278b7347eaa65a8cd9eb4fd61d174ab5b6d625b2b2c4cf50c5ce7"),
        ("tu/NCI1/NCI1_node_labels.txt", 368_679, "55d28db7d9b6fcc54c131eab108395f7e9de0bf155212d0f3a1f72b8c8d237e1"),
    ]),
    ("PROTEINS", &[
        ("tu/PROTEINS/PROTEINS_A.txt", 2_022_990, "4c4b33e272fc95cac6d27ed6d5d12b9a852c8610e91fff59f8f0dbdd5a20df67"),
        ("tu/PROTEINS/PROTEINS_graph_indicator.txt", 169_673, "8d4ff1e852a5c28561e9bffb44cf9490bc552b13a3b6156dd12dc7f44e9afc4a"),
        ("tu/PROTEINS/PROTEINS_graph_labels.txt", 2_226, "c0ef9810c440775252872318d0c8adc385588e14bc4c47a2c34aa96ee3c7cdcd"),
        ("tu/PROTEINS/PROTEINS_node_attributes.txt", 478_190, "54eef829abb37e458a5fbf3a3c581e48e5810e220463c2cd951856b9ceb08f07"),
        ("tu/PROTEINS/PROTEINS_node_labels.txt", 86_942, "f758e8ad3d6e3c026b50833d75f6f90735b94eb3345e4243707f495ca8afea8d"),
    ]),
    ("ENZYMES", &[
        ("tu/ENZYMES/ENZYMES_A.txt", 885_124, "5553c84f8f562f3e199dfd27192174f485e85c44c1357661098668937a739cbf"),
        ("tu/ENZYMES/ENZYMES_graph_indicator.txt", 74_914, "95ba0fa47eba6f02e6b754a215dc66d5b49de3f45f57a128514301a8d7ed5f46"),
        ("tu/ENZYMES/ENZYMES_graph_labels.txt", 1_200, "04743e08967e61e65cdacbb90f8df6ee53742b3d2e7b84675b85ebac70506856"),
        ("tu/ENZYMES/ENZYMES_node_attributes.txt", 3_876_850, "305a8fc3b12f79fb844ef3374d6a3c8ceeb4887dd4f86bbfe37932c4c5434e7b"),
        ("tu/ENZYMES/ENZYMES_node_labels.txt", 39_160, "8263eb9b64efa231a5886343483ccfc0342f2407014763a8f738fd51c32ce770"),
    ]),
    ("mnist", &[
        ("mnist/train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        ("mnist/train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        ("mnist/t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        ("mnist/t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ]),
    ("fashion-mnist", &[
        ("fashion-mnist/train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        ("fashion-mnist/train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        ("fashion-mnist/t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        ("fashion-mnist/t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ]),
];
