// Gradio leaves the alternative text of pictures empty: they take that of their label. Its webcam wants two presses, and
// says "Record" where nothing is kept: here one press starts it. A microphone that is started before its recorder has
// loaded fails and goes on as if it recorded: here it is started again.
const again = 500; // milliseconds
let starting = false, listening = false, restart;
const words = {Record: 'Start', 'Click to Access Webcam': 'Start'};
function mend() {
  document.querySelectorAll('.block img[alt=""]').forEach(image => {
    const label = image.closest('.block').querySelector('[data-testid=block-label]');
    if (label) image.alt = label.innerText.trim();
  });
  document.querySelectorAll('#live-camera button, #live-microphone button').forEach(button => {
    const texts = document.createTreeWalker(button, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const said = words[texts.currentNode.data.trim()];
      if (said) texts.currentNode.data = ` ${said}`;
    }
  });
  const record = document.querySelector('#live-camera .capture-button:has([title="start recording"])');
  if (starting && record) { starting = false; record.click(); }
}
document.addEventListener('click', event => {
  if (event.target.closest('#live-camera [title="grant webcam access"]')) starting = true;
  const microphone = event.target.closest('#live-microphone button');
  if (microphone) listening = microphone.matches('.record-button');
}, true);
window.addEventListener('unhandledrejection', ({reason}) => {
  if (!listening || !['TypeError', 'NotSupportedError'].includes(reason?.name)) return;
  document.querySelector('#live-microphone .stop-button')?.click();
  clearTimeout(restart);
  restart = setTimeout(() => document.querySelector('#live-microphone .record-button')?.click(), again);
});
new MutationObserver(mend).observe(document, {childList: true, subtree: true});
