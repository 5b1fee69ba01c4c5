"""Object counts and checksums of EventIO files with pyeventio: make_eventio.py FOLDER"""
import sys, zlib, warnings, csv, glob, os
import numpy as np
from collections import Counter
warnings.simplefilter('ignore')
from eventio import EventIOFile
from eventio.simtel.objects import ADCSamples, ADCSums, ArrayEvent, TelescopeEvent
from eventio.iact.objects import PhotoElectrons, Photons
out=csv.writer(open('eventio_objects.csv','w'),lineterminator='\n')
out.writerow(['file','type','version','count'])
det=csv.writer(open('eventio_content.csv','w'),lineterminator='\n')
det.writerow(['file','byte','type','n_gains','n_pixels','n_samples','sum','crc32'])
def crc(a): return zlib.crc32(np.ascontiguousarray(a).tobytes())
for p in sorted(glob.glob(sys.argv[1] + '/*')):
    n=os.path.basename(p); c=Counter()
    rows=[]
    def walk(o):
        for s in o:
            c[(s.header.type,s.header.version)]+=1
            if isinstance(s,(ADCSamples,ADCSums,PhotoElectrons,Photons)):
                try:
                    r=s.parse()
                except EOFError: raise
                except Exception as e:
                    print(n,s,repr(e)); r=None
                a=s.header.content_address
                if r is None: pass
                elif isinstance(s,ADCSamples):
                    # the reader drops an axis of length 1
                    data=r if r.ndim==3 else r[...,None]
                    rows.append([n,a,2013,*data.shape,int(data.astype('u8').sum()),crc(data.astype('<u2'))])
                elif isinstance(s,ADCSums):
                    rows.append([n,a,2012,*r.shape,1,int(r.astype('u8').sum()),crc(r.astype('<u4'))])
                elif isinstance(s,PhotoElectrons):
                    rows.append([n,a,1208,1,len(r['photoelectrons']),len(r['time']),int(r['photoelectrons'].sum()),crc(np.concatenate([r['photoelectrons'].astype('<i4').view('u1'),r['pixel_id'].astype('<u4').view('u1'),r['time'].astype('<f4').view('u1')]))])
                else:
                    b=r[0] if isinstance(r,tuple) else r
                    rows.append([n,a,1205,1,1,len(b),'%.6g'%float(b[b.dtype.names[6]].astype('f8').sum()),0])
            if s.header.only_subobjects: walk(s)
    try:
        f=EventIOFile(p)
        walk(f)
    except Exception as e:
        print(n,'END',repr(e))
        if not c: continue
    for (t,v),k in sorted(c.items()): out.writerow([n,t,v,k])
    det.writerows(rows)
