//! The sparse product P Y by rows (Gustavson's algorithm), in parallel and with the same bits at any thread count.
//!
//! Row i of P Y is Σ_j P_ij Y_j, a weighted sum of sparse rows. It is summed in a dense row of the width of Y, in the
//! order in which the neighbours j stand in row i of P, and read back in column order. Rows are cut into fixed blocks of
//! [`BLOCK_ROWS`]; which thread computes a block cannot change its value.

use rayon::prelude::*;

use super::csr::SparseRows;

/// Rows a block. Few, so that a block is copied while still in cache and its memory is small enough for the allocator to
/// reuse: repeated two-hop diffusions of Cora on one thread fault 800 pages a call with 16 rows, 1,740 with 64.
pub(super) const BLOCK_ROWS: usize = 16;

/// Columns that one step of the read-back looks at: the bits of a mask.
const LANES: usize = 64;

/// Below one entry for so many columns, remembering the touched columns and sorting them beats searching for them.
const SPARSE_WIDTH_PER_ENTRY: usize = 64;

/// Sparse rows kept in blocks of [`BLOCK_ROWS`], each exactly as large as its entries: a CSR matrix without the copy
/// that would join the blocks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct RowBlocks {
    rows: usize,
    blocks: Vec<Block>,
}

/// Up to [`BLOCK_ROWS`] consecutive rows.
#[derive(Debug, Clone, PartialEq)]
struct Block {
    indptr: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl RowBlocks {
    /// Computes rows 0..n in parallel; `write` puts row i into the [`RowWriter`].
    ///
    /// `width` is the width of the sums that `write` asks the writer for.
    pub(super) fn compute(n: usize, width: usize, write: impl Fn(usize, &mut RowWriter) + Sync) -> Self {
        Self::compute_with(n, width, || (), |i, (), writer| write(i, writer))
    }

    /// [`compute`](Self::compute), with a workspace of the caller's for each thread.
    pub(super) fn compute_with<W>(
        n: usize,
        width: usize,
        workspace: impl Fn() -> W + Sync,
        write: impl Fn(usize, &mut W, &mut RowWriter) + Sync,
    ) -> Self {
        let block = |(own, writer): &mut (W, RowWriter), b: usize| {
            for i in b * BLOCK_ROWS..((b + 1) * BLOCK_ROWS).min(n) {
                write(i, own, writer);
                writer.indptr.push(writer.used);
            }
            writer.take_block()
        };
        let start = || (workspace(), RowWriter::new(width));
        let count = n.div_ceil(BLOCK_ROWS);
        let blocks = if count == 1 {
            vec![block(&mut start(), 0)] // a small graph is done before a second thread wakes up
        } else {
            (0..count).into_par_iter().map_init(start, block).collect()
        };
        Self { rows: n, blocks }
    }

    pub(super) fn nnz(&self) -> usize {
        self.blocks.iter().map(|block| block.columns.len()).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let block_bytes = |b: &Block| {
            size_of::<Block>()
                + b.indptr.capacity() * size_of::<usize>()
                + b.columns.capacity() * size_of::<u32>()
                + b.values.capacity() * size_of::<f32>()
        };
        self.blocks.iter().map(block_bytes).sum()
    }

    /// Row pointers, columns and values as one CSR matrix has them.
    pub(super) fn join(&self) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
        let nnz = self.nnz();
        let mut indptr = Vec::with_capacity(self.rows + 1);
        indptr.push(0);
        let (mut columns, mut values) = (Vec::with_capacity(nnz), Vec::with_capacity(nnz));
        for block in &self.blocks {
            let start = columns.len();
            indptr.extend(block.indptr[1..].iter().map(|end| start + end));
            columns.extend_from_slice(&block.columns);
            values.extend_from_slice(&block.values);
        }
        (indptr, columns, values)
    }
}

impl SparseRows for RowBlocks {
    fn rows(&self) -> usize {
        self.rows
    }

    #[inline]
    fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let block = &self.blocks[i / BLOCK_ROWS];
        let range = block.indptr[i % BLOCK_ROWS]..block.indptr[i % BLOCK_ROWS + 1];
        (&block.columns[range.clone()], &block.values[range])
    }
}

/// One thread's workspace: the block being written and the dense row that sums are taken in.
pub(super) struct RowWriter {
    indptr: Vec<usize>,
    /// Columns and values of the block in the first `used` places; the rest is room that was zeroed once.
    columns: Vec<u32>,
    values: Vec<f32>,
    used: usize,
    /// The dense row, zero wherever `touched` is 0, padded to whole steps of [`LANES`].
    sums: Vec<f32>,
    /// 1 for each column that the current sum has reached, else 0.
    touched: Vec<u8>,
    /// The touched columns, where the row is so sparse that they are listed.
    listed: Vec<u32>,
}

impl RowWriter {
    fn new(width: usize) -> Self {
        let padded = width.next_multiple_of(LANES);
        Self {
            indptr: vec![0],
            columns: Vec::new(),
            values: Vec::new(),
            used: 0,
            sums: vec![0.0; padded],
            touched: vec![0; padded],
            listed: Vec::new(),
        }
    }

    /// Appends the entries of a row, their columns moved right by `offset`.
    pub(super) fn copy(&mut self, (columns, values): (&[u32], &[f32]), offset: u32) {
        self.scaled_copy((columns, values), offset, 1.0);
    }

    /// Appends Σ_j p_ij y_j over the entries (j, p_ij) of `weights`, the columns moved right by `offset`.
    ///
    /// Each column is summed in the order of `weights`. Entries are structural: a sum that happens to be 0 is stored.
    pub(super) fn weighted_sum<Y: SparseRows>(&mut self, weights: (&[u32], &[f32]), rows: &Y, offset: u32) {
        let (neighbours, weights) = weights;
        if let ([j], [p]) = (neighbours, weights) {
            return self.scaled_copy(rows.row(*j as usize), offset, *p);
        }
        let work: usize = neighbours.iter().map(|&j| rows.row(j as usize).0.len()).sum();
        let terms = neighbours.iter().zip(weights).map(|(&j, &p)| (rows.row(j as usize), p));
        self.sum(terms, work, offset, 1.0);
    }

    /// Appends `factor` · Σ rows\[i\] over a range of rows.
    pub(super) fn scaled_sum<Y: SparseRows>(&mut self, range: std::ops::Range<usize>, rows: &Y, factor: f32) {
        let work = range.clone().map(|i| rows.row(i).0.len()).sum();
        self.sum(range.map(|i| (rows.row(i), 1.0)), work, 0, factor);
    }

    fn scaled_copy(&mut self, (columns, values): (&[u32], &[f32]), offset: u32, scale: f32) {
        let room = self.room(columns.len());
        room.0.iter_mut().zip(columns).for_each(|(to, &k)| *to = k + offset);
        room.1.iter_mut().zip(values).for_each(|(to, &y)| *to = scale * y);
        self.used += columns.len();
    }

    fn sum<'y>(
        &mut self,
        terms: impl Iterator<Item = ((&'y [u32], &'y [f32]), f32)>,
        work: usize,
        offset: u32,
        factor: f32,
    ) {
        // One length for both slices, so that one bounds check serves them.
        let width = self.sums.len().min(self.touched.len());
        let (sums, touched) = (&mut self.sums[..width], &mut self.touched[..width]);
        if work.saturating_mul(SPARSE_WIDTH_PER_ENTRY) < width {
            for ((columns, values), p) in terms {
                for (&k, &y) in columns.iter().zip(values) {
                    let at = k as usize;
                    sums[at] += p * y;
                    if touched[at] == 0 {
                        touched[at] = 1;
                        self.listed.push(k);
                    }
                }
            }
            self.read_listed(offset, factor);
        } else {
            for ((columns, values), p) in terms {
                for (&k, &y) in columns.iter().zip(values) {
                    let at = k as usize;
                    sums[at] += p * y;
                    touched[at] = 1;
                }
            }
            self.read_dense(work.min(width), offset, factor);
        }
    }

    /// Moves the listed sums to the end of the block, in column order.
    fn read_listed(&mut self, offset: u32, factor: f32) {
        let mut listed = std::mem::take(&mut self.listed);
        listed.sort_unstable();
        self.room(listed.len());
        for k in listed.drain(..) {
            let at = k as usize;
            self.columns[self.used] = k + offset;
            self.values[self.used] = factor * self.sums[at];
            self.used += 1;
            self.sums[at] = 0.0;
            self.touched[at] = 0;
        }
        self.listed = listed;
    }

    /// Moves all touched sums to the end of the block, in column order; there are at most `most` of them.
    fn read_dense(&mut self, most: usize, offset: u32, factor: f32) {
        self.room(most);
        let (mut used, mut first_column) = (self.used, offset);
        for (sums, touched) in self.sums.chunks_exact_mut(LANES).zip(self.touched.chunks_exact_mut(LANES)) {
            let mut mask = touched_mask(touched);
            if mask != 0 {
                let found = mask.count_ones() as usize;
                // Four at a time: the loop ends at few different lengths, which the processor can guess. What is
                // written beyond the last entry is written over by the next one.
                let columns = self.columns[used..used + LANES].chunks_exact_mut(4);
                for (column, value) in columns.zip(self.values[used..used + LANES].chunks_exact_mut(4)) {
                    for (column, value) in column.iter_mut().zip(value) {
                        let lane = mask.trailing_zeros() % LANES as u32;
                        mask &= mask.wrapping_sub(1);
                        *column = first_column.wrapping_add(lane);
                        *value = factor * sums[lane as usize];
                    }
                    if mask == 0 {
                        break;
                    }
                }
                used += found;
                sums.fill(0.0);
                touched.fill(0);
            }
            // The last step may end beyond the last column, where nothing is read any more.
            first_column = first_column.wrapping_add(LANES as u32);
        }
        self.used = used;
    }

    /// Room for `more` entries at the end of the block, and for a step of [`LANES`] beyond them.
    #[inline]
    fn room(&mut self, more: usize) -> (&mut [u32], &mut [f32]) {
        let needed = self.used + more + LANES;
        if self.columns.len() < needed {
            let len = needed.max(2 * self.columns.len());
            self.columns.resize(len, 0);
            self.values.resize(len, 0.0);
        }
        let range = self.used..self.used + more;
        (&mut self.columns[range.clone()], &mut self.values[range])
    }

    /// The finished block, exactly as large as its entries; the workspace is ready for the next one.
    fn take_block(&mut self) -> Block {
        let block = Block {
            indptr: self.indptr.clone(),
            columns: self.columns[..self.used].to_vec(),
            values: self.values[..self.used].to_vec(),
        };
        self.indptr.truncate(1);
        self.used = 0;
        block
    }
}

/// Bit b is set where `touched[b]` is 1; `touched` holds [`LANES`] bytes of 0 or 1.
#[inline]
fn touched_mask(touched: &[u8]) -> u64 {
    let mut mask = 0;
    for (byte, lanes) in touched.chunks_exact(8).enumerate() {
        let mut eight = [0; 8];
        eight.copy_from_slice(lanes);
        // The product gathers the lowest bits of the eight bytes in its highest byte, the first byte lowest.
        mask |= (u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * byte);
    }
    mask
}
