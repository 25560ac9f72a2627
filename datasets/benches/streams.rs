//! What it costs to draw an image of an endless row, and to look for near-duplicates, on one thread.

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use datasets::duplicates::NearDuplicates;
use datasets::synthetic::{scenes, shapes, SceneConfig, Scenes, ShapeConfig, Shapes};
use std::hint::black_box;

fn draw(c: &mut Criterion) {
    let mut group = c.benchmark_group("draw");
    group.throughput(Throughput::Elements(1));
    let mut pixels = [0; Shapes::SHAPE.pixels()];
    let shapes = shapes(&ShapeConfig::default(), 0).expect("valid settings");
    let mut index = 0;
    group.bench_function("shapes", |b| {
        b.iter(|| {
            index += 1;
            black_box(shapes.write(index, &mut pixels))
        });
    });
    for objects in 1..=4 {
        let config = SceneConfig { least_objects: objects, most_objects: objects, ..Default::default() };
        let scenes = scenes(&config, 0).expect("valid settings");
        let (mut pixels, mut labels) = ([0; Scenes::SHAPE.pixels()], Vec::with_capacity(4));
        let mut index = 0;
        group.bench_function(format!("scenes-{objects}"), |b| {
            b.iter(|| {
                index += 1;
                scenes.write(index, &mut pixels, &mut labels).expect("a whole buffer");
                black_box((pixels[0], labels.len()))
            });
        });
    }
    group.finish();
}

fn duplicates(c: &mut Criterion) {
    let mut group = c.benchmark_group("duplicates");
    let scenes = scenes(&SceneConfig::default(), 0).expect("valid settings");
    let images =
        |indices: std::ops::Range<u64>| indices.map(|index| scenes.image(index).0).collect::<Vec<_>>();
    let tests = NearDuplicates::of(Scenes::SHAPE, images(0..1000)).expect("whole images");
    let train = images(1000..2000);
    group.sample_size(10).throughput(Throughput::Elements(1_000_000));
    group.bench_function("scan-1000-by-1000", |b| b.iter(|| tests.scan(&train).expect("whole images")));
    group.finish();
}

criterion_group!(all, draw, duplicates);
criterion_main!(all);
