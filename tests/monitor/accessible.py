"""What of a page somebody could not use, found in the browser: a script that gives sentences, none for a good page."""

from __future__ import annotations

CHECKS = r"""(() => {
  const wrong = [], say = (what, el) => wrong.push(what + (el ? ': ' + el.outerHTML.slice(0, 160) : ''));
  const seen = el => el.getClientRects().length > 0;
  if (document.documentElement.lang !== 'en') say('no language');
  if (!document.title.trim()) say('no title');
  for (const landmark of ['main', 'nav', 'header', 'footer'])
    if (document.querySelectorAll(landmark).length !== 1) say('not one ' + landmark);
  if (document.querySelectorAll('h1').length !== 1) say('not one h1');
  let level = 0;
  for (const h of document.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
    const own = Number(h.tagName[1]);
    if (own > level + 1) say('a heading is skipped', h);
    if (!h.textContent.trim()) say('an empty heading', h);
    level = own;
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  ids.filter((id, n) => ids.indexOf(id) !== n).forEach(id => say('two elements are called ' + id));
  for (const el of document.querySelectorAll('[aria-labelledby]'))
    for (const id of el.getAttribute('aria-labelledby').split(' '))
      if (!document.getElementById(id)) say('labelled by nothing', el);
  for (const field of document.querySelectorAll('input,select,textarea'))
    if (!(field.labels && field.labels.length && field.labels[0].textContent.trim())) say('a field without a label', field);
  for (const el of document.querySelectorAll('a,button'))
    if (seen(el) && !el.textContent.trim()) say('nothing to read on it', el);
  for (const img of document.querySelectorAll('img')) if (!img.hasAttribute('alt')) say('no alternative', img);
  for (const svg of document.querySelectorAll('svg')) {
    const hidden = svg.getAttribute('aria-hidden') === 'true';
    const named = svg.getAttribute('role') === 'img' && (svg.getAttribute('aria-label') || '').trim();
    if (!hidden && !named) say('an unnamed drawing', svg);
    const figures = (svg.closest('section') || svg).querySelector('table');
    if (!hidden && !figures) say('a drawing without its figures', svg);
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.querySelector('thead th')) say('a table without heads', table);
    for (const th of table.querySelectorAll('th')) {
      if (!['col', 'row'].includes(th.scope)) say('a head of nothing', th);
      if (!th.textContent.trim()) say('an empty head', th);
    }
  }
  for (const el of document.querySelectorAll('pre'))
    if (el.scrollHeight > el.clientHeight + 1 && el.tabIndex < 0) say('not to be scrolled', el);
  for (const el of document.querySelectorAll('[tabindex]')) if (el.tabIndex > 0) say('out of order', el);
  const width = document.documentElement.scrollWidth;
  if (width > window.innerWidth + 1) say('wider than the screen: ' + width);
  const parse = text => { const n = text.match(/[\d.]+/g).map(Number); return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const behind = el => {
    const layers = [];
    for (let e = el; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
                       return .2126 * r + .7152 * g + .0722 * b; };
  for (const el of document.querySelectorAll('body *')) {
    const own = [...el.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !seen(el) || el.closest('.hidden,.skip,svg,option')) continue;
    const style = getComputedStyle(el), ground = behind(el), ink = over(parse(style.color), ground);
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if ((a + .05) / (b + .05) < (large ? 3 : 4.5)) say('too little contrast, ' + ((a + .05) / (b + .05)).toFixed(2), el);
  }
  return wrong;
})()"""
