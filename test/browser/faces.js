// Drawings of people for screenshots. Chromium plays each as the video of its fake camera.

/** The participants, with the colours and the hair of their drawings. */
export const people = {
  ada: { name: 'Ada Lovelace', wall: ['#f9d9b8', '#dd9c74'], skin: '#f6c49d', hair: '#3b2417', shirt: '#2b5d55', style: 'bun' },
  grace: { name: 'Grace Hopper', wall: ['#d3e7fb', '#86acd6'], skin: '#fbd3ae', hair: '#7a4a25', shirt: '#7c3752', style: 'bob' },
  alan: { name: 'Alan Turing', wall: ['#e8f2d6', '#a6c182'], skin: '#8d5834', hair: '#191211', shirt: '#d88d24', style: 'short' },
};

// Hair behind the head and hair in front of it. The head is an ellipse around (640, 300).
const styles = {
  bun: {
    back: '<circle cx="640" cy="88" r="66"/><path d="M498 326C474 152 560 112 640 112s166 40 142 214Z"/>',
    front: '<path d="M518 292c-12-124 54-166 122-166s134 42 122 166c-18-78-62-112-122-122-60 10-104 44-122 122Z"/>',
    more: '<circle cx="507" cy="346" r="9" fill="#f2c14e"/><circle cx="773" cy="346" r="9" fill="#f2c14e"/>',
  },
  bob: {
    back: '<path d="M478 436C448 190 520 104 640 104s192 86 162 332c-30 26-66 30-84 12H562c-18 18-54 14-84-12Z"/>',
    front: '<path d="M512 300c-18-122 46-176 132-176 84 0 140 58 124 176-26-30-42-64-48-100-52 44-150 60-208 100Z"/>',
    more: `<g fill="none" stroke="#3a3a44" stroke-width="7"><circle cx="588" cy="304" r="36"/><circle cx="692" cy="304" r="36"/>
      <path d="M624 298q16-10 32 0"/></g>`,
  },
  short: {
    back: '',
    front: '<path d="M514 284c-28-110 30-176 126-176s154 66 126 176c-12-42-28-66-48-84-50 20-106 20-156 0-20 18-36 42-48 84Z"/>',
    more: '',
  },
};

/** Returns an SVG of 1280 by 720: a person in front of a wall with a window and a shelf. */
export function face({ wall, skin, hair, shirt, style }) {
  const { back, front, more } = styles[style];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="1280" height="720" viewBox="0 0 1280 720">
    <rect width="1280" height="720" fill="${wall[0]}"/><path d="M760 0h520v720H0V560Z" fill="${wall[1]}" opacity=".45"/>
    <rect x="176" y="86" width="250" height="300" rx="10" fill="#fff" opacity=".6"/>
    <path d="M301 86v300M176 236h250" stroke="${wall[1]}" stroke-width="6" opacity=".6"/>
    <g opacity=".55" transform="translate(-86)"><rect x="930" y="322" width="260" height="14" rx="4" fill="#5b4a3c"/>
      <rect x="958" y="214" width="30" height="108" fill="#fff"/><rect x="992" y="236" width="40" height="86" fill="#5b4a3c"/>
      <rect x="1036" y="206" width="26" height="116" fill="#fff"/><circle cx="1132" cy="272" r="34" fill="#5c8a54"/>
      <rect x="1110" y="288" width="44" height="34" rx="6" fill="#b5643c"/></g>
    <g fill="${hair}">${back}</g>
    <path d="M586 420h108v104q-54 50-108 0Z" fill="${skin}"/><path d="M586 440q54 46 108 0v30q-54 46-108 0Z" opacity=".14"/>
    <path d="M300 720c0-150 70-212 200-222l86-14q54 62 108 0l86 14c130 10 200 72 200 222Z" fill="${shirt}"/>
    <ellipse cx="513" cy="312" rx="20" ry="30" fill="${skin}"/><ellipse cx="767" cy="312" rx="20" ry="30" fill="${skin}"/>
    <ellipse cx="640" cy="300" rx="126" ry="160" fill="${skin}"/>
    <g fill="#231a16"><circle cx="588" cy="306" r="12"/><circle cx="692" cy="306" r="12"/></g>
    <g fill="none" stroke="#231a16" stroke-width="9" stroke-linecap="round">
      <path d="M562 264q26-14 50-2M668 262q24-12 50 2" opacity=".75"/><path d="M596 384q44 40 88 0"/><path d="M640 320q10 26-6 30" stroke-width="5" opacity=".4"/></g>
    <g fill="${hair}">${front}</g>${more}
  </svg>`;
}
