// Photos and outlines, fetched before they are wanted.

const PHOTOS_KEPT = 100;

class Pictures {
  // ask(suspects) gives a promise of their outlines; stale() is called where a label is not what
  // its suspect says.
  constructor(ask, changed, stale) {
    Object.assign(this, { ask, changed, stale });
    this.found = new Map(); // id -> outlines; null while they are on their way
    this.photos = new Map();
  }

  outlines(id) {
    return this.found.get(id) ?? null;
  }

  forget(ids) {
    for (const id of ids) this.found.delete(id);
  }

  async fetch(suspects) {
    suspects.forEach((s) => this.photo(s.path));
    const wanted = suspects.filter((s) => !this.found.has(s.id));
    if (!wanted.length) return;
    wanted.forEach((s) => this.found.set(s.id, null));
    try {
      const outlines = await this.ask(wanted);
      const there = Object.entries(outlines).filter(([, found]) => !found.gone);
      for (const [id, found] of there) this.found.set(id, found);
      if (wanted.some(({ id, seen }) => outlines[id]?.seen !== seen)) this.stale();
      this.changed();
    } catch {
      setTimeout(() => {
        this.forget(wanted.map((s) => s.id));
        this.fetch(wanted);
      }, 2000);
    }
  }

  photo(path) {
    const image = this.photos.get(path) ?? new Image();
    if (!image.src) {
      image.onload = image.onerror = this.changed;
      image.src = window.__fos__.getSampleSrc(path);
    }
    this.photos.delete(path); // and in again: the one that was wanted longest ago goes first
    this.photos.set(path, image);
    if (this.photos.size > PHOTOS_KEPT) this.photos.delete(this.photos.keys().next().value);
    return image;
  }

  // Whether there is nothing left to wait for.
  has(suspect) {
    const outlines = this.outlines(suspect.id);
    const paths = [suspect.path, outlines?.other?.path].filter(Boolean);
    return Boolean(outlines) && paths.every((path) => this.photo(path).complete);
  }
}
