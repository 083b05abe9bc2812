// One dark surface under either theme of FiftyOne: a photo is judged on it best.
const STYLE = `
.curate { display: flex; flex-direction: column; gap: 6px; height: 100%; padding: 8px 12px 10px;
  box-sizing: border-box; container-type: inline-size; overflow: hidden; outline: none;
  color-scheme: dark; background: #1b1b1d;
  color: #f1f1f1; font: 14px/1.4 Palanquin, "Segoe UI", Roboto, sans-serif; }
.curate .dim { color: #b4b4ba; }
.curate .line { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.curate header, .curate nav { display: flex; align-items: center; gap: 6px; }
.curate header b { font-weight: 600; white-space: nowrap; }
.curate header .press, .curate nav .press { height: 28px; }
.curate .grow { flex: 1; }
.curate nav select { width: 126px; }
.curate nav select[aria-label=kind] { width: 182px; }
.curate nav select[aria-label=pair] { width: 220px; }
.curate nav select[aria-label=split], .curate nav select[aria-label=fold] { width: 82px; }
.curate nav select[aria-label=split], .curate nav select[aria-label=fold], .curate nav .press {
  flex-shrink: 0; }
.curate nav input { flex-shrink: 20; min-width: 80px; }
.curate select, .curate input { min-width: 0; max-width: 220px; height: 28px; padding: 0 6px;
  font: inherit; font-size: 13px; color: inherit; background: #2a2a2e; border: 1px solid #5a5a60;
  border-radius: 4px; }
.curate select.set { border-color: #ffb84d; }
.curate .status { flex: 1; height: 28px; line-height: 28px; padding: 0 10px; border-radius: 4px;
  color: #9fdc9f; }
.curate .status.hint { color: #ffb84d; }
.curate .status.bad { color: #fff; background: #b3261e; font-weight: 600; }
.curate .status.warning { color: #1b1b1d; background: #ffb84d; font-weight: 600; }
.curate .what { font-size: 18px; height: 26px; }
.curate .what .kind { float: right; font-size: 14px; }
.curate .reason { height: 40px; overflow: hidden; }
.curate .about { display: flex; gap: 12px; justify-content: space-between; }
.curate .legend { display: flex; flex: none; gap: 12px; }
.curate .class { border-bottom: 3px solid; }
.curate .pictures { flex: 1; min-height: 120px; display: flex; gap: 8px; }
.curate figure { flex: 1; min-width: 0; margin: 0; display: flex; flex-direction: column; }
.curate figure.photo { flex: 0.55; }
.curate figcaption { height: 22px; }
.curate canvas { flex: 1; min-height: 0; width: 100%; display: block; background: #0c0c0d; }
.curate .acts { display: grid; gap: 6px;
  grid-template-columns: 13.3fr 20.5fr 10.1fr 14.8fr 13.3fr 19.4fr 15.1fr; }
.curate .acts.few { grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); }
.curate .press { min-width: 0; height: 32px; padding: 0 8px; text-align: left; font: inherit;
  color: inherit; background: #2f2f34; border: 1px solid #5a5a60; border-radius: 4px;
  overflow: hidden; white-space: nowrap; text-overflow: ellipsis; cursor: pointer; }
.curate .press:hover:enabled { background: #43434a; }
.curate .press:disabled { color: #85858c; border-color: #3b3b40; cursor: default; }
.curate .chosen { outline: 2px solid #ffb84d; }
.curate kbd { display: inline-block; min-width: 14px; margin-right: 7px; padding: 0 4px;
  text-align: center; font: 600 12px/18px monospace; color: #1b1b1d; background: #ffb84d;
  border-radius: 3px; }
.curate .press:disabled kbd { background: #6a6a70; }
.curate .picks { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr));
  gap: 6px; max-height: max(110px, min(34vh, 100vh - 540px)); overflow: auto;
  padding: 3px; box-sizing: border-box; align-content: start; }
.curate .swatch { display: inline-block; width: 12px; height: 12px; margin-right: 6px;
  border-radius: 2px; vertical-align: -1px; }
.curate .wall { flex: 1; min-height: 0; overflow: auto; display: grid; gap: 6px;
  grid-template-columns: repeat(auto-fill, minmax(var(--crop), 1fr));
  grid-auto-rows: calc(var(--crop) + 26px); }
.curate .crop { display: flex; flex-direction: column; cursor: pointer; border-radius: 4px;
  outline: 2px solid #ffb84d; outline-offset: -2px; }
.curate .crop span { padding: 0 8px; }
.curate .spared { outline-color: #3b3b40; }
.curate .spared canvas { opacity: 0.35; }
.curate .page { flex: 1; overflow: auto; display: flex; flex-direction: column; gap: 12px;
  align-items: center; justify-content: center; font-size: 16px; }
.curate .page p { margin: 0; }
.curate th { font-weight: 600; text-align: left; }
.curate td, .curate th { padding: 3px 8px; }
@container (max-width: 1110px) {
  .curate .acts .press { padding: 0 5px; }
  .curate .acts kbd { margin-right: 5px; }
}
@container (max-width: 1050px) { .curate .acts { grid-template-columns: repeat(4, 1fr); } }
.curate:not(:focus-within) kbd { background: #6a6a70; }
.curate .unfocused { color: #ffb84d; }
.curate:focus-within .unfocused { display: none; }
`;
