import numpy as np, pytest, math
from django.db import connection
from implants.models import Implant, ReferenceImage
from matching.models import Embedding
def unit(v): return v/np.linalg.norm(v,axis=-1,keepdims=True)
def data(kind,rng):
    C=100
    if kind=="orth": c=unit(rng.normal(size=(C,512)))
    if kind=="low32": c=unit(rng.normal(size=(C,32))@rng.normal(size=(32,512)))
    if kind=="low64": c=unit(rng.normal(size=(C,64))@rng.normal(size=(64,512)))
    if kind=="cone": c=unit(unit(rng.normal(size=512))*1.5+unit(rng.normal(size=(C,512))))
    s=.7/math.sqrt(512)
    return unit(c[np.arange(2000)%C]+s*rng.normal(size=(2000,512))), unit(c+s*rng.normal(size=(C,512)))
@pytest.mark.django_db
@pytest.mark.parametrize("kind",["orth","low32","low64","cone"])
def test_x(kind,capsys):
    rng=np.random.default_rng(20)
    R,Q=data(kind,rng)
    imps=Implant.objects.bulk_create([Implant(manufacturer="A",name=f"L{i}") for i in range(700)])
    refs=ReferenceImage.objects.bulk_create([ReferenceImage(implant=imps[i//3],file=f"{i}.jpg",sha256=f"{i:064}") for i in range(2000)])
    es=Embedding.objects.bulk_create([Embedding(reference_image=r,encoder="e",vector=v.tolist()) for r,v in zip(refs,R)])
    pl={e.pk:i for i,e in enumerate(es)}
    out=[]
    with connection.cursor() as c: c.execute("ANALYZE"); c.execute("SET LOCAL enable_seqscan=off")
    for rep in range(5):
        if rep:
            with connection.cursor() as c: c.execute("REINDEX INDEX embedding_vector_hnsw")
        for w in (3,30):
            h=0; miss=0
            for q in Q:
                g=[pl[e.pk] for e in Embedding.objects.nearest(q.tolist(),encoder="e",limit=w)][:3]
                k=len(set(g)&set(np.argsort(-(R@q))[:3].tolist())); h+=k; miss+=k==0
            out.append((w,h/300,miss))
    with capsys.disabled(): print(kind,out)
